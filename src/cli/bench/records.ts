import { seededRandom } from "../../base/random.js";
import { murmur3 } from "../../ring/token.js";

const stampBytes = 8;
const padBytes = 1 << 20;
/** Part of what a value is: every run, whatever its seed, can check the values of every other run. */
const padSeed = 0x62696767;

/** Values are made once, this many of a size, or fewer where they would take more memory than this. */
const poolMaxValues = 1 << 14;
const poolMaxBytes = 32 << 20;

const prefix = "user";
const keyBytes = prefix.length + 12;

/** One read of so many is compared in full. */
const fullCheckPeriod = 64;

/**
 * Keys and values of the records. A value follows from its record's number, modulo the size of a pool of ready-made values:
 * 8 bytes with that remainder, then a piece of a fixed random pad that begins where the remainder's hash says. A cut or
 * altered value is noticed, and one of another record unless the two have the remainder in common (1 in 16,384 for values
 * up to 2 KiB). HOT: `keyOf`, `valueOf`, `looksLikeValueOf`.
 */
export class Records {
  readonly valueBytes: number;
  readonly #pool: readonly Buffer[];
  readonly #stampedBytes: number;
  readonly #keyBytes = Buffer.from(prefix.padEnd(keyBytes, "0"));
  #untilFullCheck = fullCheckPeriod;

  constructor(valueBytes: number) {
    this.valueBytes = valueBytes;
    this.#stampedBytes = Math.min(stampBytes, valueBytes);
    this.#pool = makePool(valueBytes);
  }

  /**
   * As YCSB's: "user" and a number, here of 12 digits; records are below 10^12. Made anew each time: that takes 0.1 µs. One of a million
   * keys that were made before takes 0.4 µs to be fetched from main memory, and the garbage collector its time with all of them.
   */
  keyOf(record: number): string {
    const bytes = this.#keyBytes;
    let rest = record;
    for (let i = keyBytes - 1; i >= prefix.length; i--) {
      const tenth = Math.floor(rest / 10);
      bytes[i] = 48 + rest - tenth * 10;
      rest = tenth;
    }
    return bytes.toString("latin1");
  }

  /** Shared: it must not be written to, and is never overwritten, so that a client may hold on to it. */
  valueOf(record: number): Buffer {
    return this.#pool[record % this.#pool.length] as Buffer;
  }

  /** Whether these bytes are the record's value. */
  isValueOf(record: number, value: Uint8Array): boolean {
    return Buffer.compare(value, this.valueOf(record)) === 0;
  }

  /** As `isValueOf`, but most calls look at the length and the first 8 bytes only, and at no memory but the value's. */
  looksLikeValueOf(record: number, value: Uint8Array): boolean {
    if (--this.#untilFullCheck === 0) {
      this.#untilFullCheck = fullCheckPeriod;
      return this.isValueOf(record, value);
    }
    if (value.length !== this.valueBytes) return false;
    const remainder = record % this.#pool.length;
    for (let i = 0; i < this.#stampedBytes; i++) if (value[i] !== stampByte(remainder, i)) return false;
    return true;
  }
}

/** Little-endian: the remainder's 4 bytes, then 4 that are the same in all values, as zeros are no value of any record. */
function stampByte(remainder: number, index: number): number {
  return ((index < 4 ? remainder : padSeed) >>> ((index & 3) * 8)) & 0xff;
}

function makePool(valueBytes: number): Buffer[] {
  const random = seededRandom(padSeed);
  const pad = Buffer.allocUnsafe(padBytes + valueBytes);
  for (let i = 0; i < pad.length; i++) pad[i] = random.uint32() & 0xff;
  const count = Math.max(1, Math.min(poolMaxValues, Math.floor(poolMaxBytes / Math.max(1, valueBytes))));
  const slab = Buffer.allocUnsafeSlow(count * valueBytes);
  const stamp = Buffer.alloc(stampBytes);
  return Array.from({ length: count }, (_, remainder) => {
    for (let i = 0; i < stampBytes; i++) stamp[i] = stampByte(remainder, i);
    const value = slab.subarray(remainder * valueBytes, (remainder + 1) * valueBytes);
    const stamped = stamp.copy(value, 0, 0, Math.min(stampBytes, valueBytes));
    const start = murmur3(stamp, 0, stampBytes, padSeed) % padBytes;
    pad.copy(value, stamped, start, start + valueBytes - stamped);
    return value;
  });
}
