import { allEntriesRange } from "../../src/storage/key-layout.js";
import { PackedKeys, readPackedKeys } from "../../src/storage/packed-keys.js";
import type {
  Durability,
  KeyRange,
  ReadRangeOptions,
  ReadReceiver,
  RowPart,
  SnapshotReader,
  StorageEngine,
  StorageStatistics,
} from "../../src/storage/storage-engine.js";
import type { WriteBatch } from "../../src/storage/write-batch.js";

/** An engine whose reads wait, and read, when the test says; everything else passes through. */
export class HeldReads implements StorageEngine {
  /** While true, reads wait for `release`. */
  isHolding = false;
  /** Calls of `readMany` so far. */
  reads = 0;
  readonly #held: (() => void)[] = [];

  /** `onSurvey` is called for each step of the absence survey, before it begins. */
  constructor(
    private readonly engine: StorageEngine,
    private readonly onSurvey: () => void = () => undefined,
  ) {}

  get heldReads(): number {
    return this.#held.length;
  }

  /** Lets one of the waiting reads go, not always the oldest. */
  release(pick: number): void {
    const [go] = this.#held.splice(pick % Math.max(1, this.#held.length), 1);
    go?.();
  }

  releaseAll(): void {
    this.isHolding = false;
    for (const go of this.#held.splice(0)) go();
  }

  readMany(keys: PackedKeys, valueMaxBytes: number, receiver: ReadReceiver): void {
    this.reads++;
    const own = PackedKeys.of(readPackedKeys(keys.bytes(valueMaxBytes)));
    const read = (): void => this.engine.readMany(own, valueMaxBytes, receiver);
    if (this.isHolding) this.#held.push(read);
    else read();
  }

  getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    return this.engine.getMany(keys);
  }

  readRows(range: KeyRange, options: ReadRangeOptions, receiver: ReadReceiver): void {
    this.engine.readRows(range, options, receiver);
  }

  openReader(range: KeyRange, part?: RowPart): SnapshotReader {
    if (Buffer.compare(range.end, allEntriesRange.end) === 0) this.onSurvey();
    return this.engine.openReader(range, part);
  }

  expectWrite(): void {
    this.engine.expectWrite();
  }

  write(batch: WriteBatch, durability: Durability): Promise<void> {
    return this.engine.write(batch, durability);
  }

  deleteRange(range: KeyRange): Promise<void> {
    return this.engine.deleteRange(range);
  }

  statistics(): StorageStatistics {
    return this.engine.statistics();
  }

  close(): Promise<void> {
    return this.engine.close();
  }
}
