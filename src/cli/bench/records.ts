import { equalBytes } from "../../base/bytes.js";
import { seededRandom } from "../../base/random.js";
import { murmur3 } from "../../ring/token.js";

const stampBytes = 8;
const padBytes = 1 << 20;
/** Part of what a value is: every run, whatever its seed, can check the values of every other run. */
const padSeed = 0x62696767;
const cachedKeys = 1 << 20;

/**
 * Keys and values of the records. A value follows from its record's number: 8 bytes with the number, then a piece of a
 * fixed random pad that begins where the number's hash says. A wrong, mixed-up or cut value is therefore noticed.
 */
export class Records {
  readonly valueBytes: number;
  readonly #pad: Buffer;
  readonly #scratch: Buffer;
  readonly #keys: string[] = [];

  constructor(valueBytes: number) {
    this.valueBytes = valueBytes;
    this.#pad = Buffer.allocUnsafe(padBytes + valueBytes);
    this.#scratch = Buffer.alloc(stampBytes);
    const random = seededRandom(padSeed);
    for (let i = 0; i < this.#pad.length; i++) this.#pad[i] = random.uint32() & 0xff;
  }

  /** As YCSB's: "user" and a number, here of 12 digits. */
  keyOf(record: number): string {
    const cached = this.#keys[record];
    if (cached !== undefined) return cached;
    const key = `user${String(record).padStart(12, "0")}`;
    if (record < cachedKeys) this.#keys[record] = key;
    return key;
  }

  valueOf(record: number): Buffer {
    const value = Buffer.allocUnsafe(this.valueBytes);
    const stamp = this.#stampOf(record);
    const stamped = stamp.copy(value, 0, 0, Math.min(stampBytes, this.valueBytes));
    const start = this.#padStart();
    this.#pad.copy(value, stamped, start, start + this.valueBytes - stamped);
    return value;
  }

  /** Whether these bytes are the record's value. */
  isValueOf(record: number, value: Uint8Array): boolean {
    if (value.length !== this.valueBytes) return false;
    const stamped = Math.min(stampBytes, value.length);
    if (!equalBytes(value.subarray(0, stamped), this.#stampOf(record).subarray(0, stamped))) return false;
    const start = this.#padStart();
    return equalBytes(value.subarray(stamped), this.#pad.subarray(start, start + value.length - stamped));
  }

  #stampOf(record: number): Buffer {
    this.#scratch.writeUInt32LE(record % 2 ** 32, 0);
    this.#scratch.writeUInt32LE(Math.floor(record / 2 ** 32), 4);
    return this.#scratch;
  }

  /** Of the record whose stamp was made last. */
  #padStart(): number {
    return murmur3(this.#scratch, 0, stampBytes, padSeed) % padBytes;
  }
}
