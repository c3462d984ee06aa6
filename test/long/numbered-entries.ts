import { seededRandom } from "../../src/base/random.js";

const poolBytes = 1024 * 1024;
const keyDigits = 12;

/** Entries that their number decides: of one size, hard to compress, and known again without being kept. */
export class NumberedEntries {
  readonly #pool: Buffer;
  readonly #valueBytes: number;

  /** Each key and value together have `sizeBytes`. */
  constructor(seed: number, sizeBytes: number) {
    const random = seededRandom(seed);
    this.#pool = Buffer.alloc(poolBytes);
    for (let i = 0; i < poolBytes; i += 4) this.#pool.writeUInt32LE(random.uint32(), i);
    this.#valueBytes = sizeBytes - keyDigits;
  }

  keyOf(number: number): string {
    return String(number).padStart(keyDigits, "0");
  }

  valueOf(number: number): Uint8Array {
    const value = Buffer.allocUnsafe(this.#valueBytes);
    value.writeDoubleLE(number, 0);
    // A prime step, so that neighbours do not share their bytes.
    const start = (number * 7919) % (poolBytes - this.#valueBytes);
    this.#pool.copy(value, 8, start, start + this.#valueBytes - 8);
    return value;
  }

  isValueOf(number: number, value: Uint8Array | undefined): boolean {
    return value !== undefined && Buffer.compare(this.valueOf(number), value) === 0;
  }

  /** Entries `first` to `end` (exclusive). */
  slice(first: number, end: number): [string, Uint8Array][] {
    return Array.from({ length: end - first }, (_, i) => [this.keyOf(first + i), this.valueOf(first + i)]);
  }
}
