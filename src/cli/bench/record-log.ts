/** Which records are there: numbers 0 up to `present`; inserts add to them. */
export class RecordLog {
  /** Loaded before the run. */
  readonly initial: number;
  #present: number;
  #reserved: number;
  /** Written, but behind one that is still on its way. */
  readonly #early = new Set<number>();

  constructor(present: number) {
    this.initial = present;
    this.#present = present;
    this.#reserved = present;
  }

  /** Every record below this number was written. */
  get present(): number {
    return this.#present;
  }

  /** The number of a new record. */
  reserve(): number {
    return this.#reserved++;
  }

  /** The record is durable. A record that is never committed, because its put failed, holds back those after it. */
  commit(record: number): void {
    this.#early.add(record);
    while (this.#early.delete(this.#present)) this.#present++;
  }
}
