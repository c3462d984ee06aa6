import { limits } from "../../src/base/limits.js";
import { seededRandom } from "../../src/base/random.js";
import { EntryCache } from "../../src/replica/entry-cache.js";
import { tokenHigh, tokenLow } from "../../src/ring/token.js";
import { randomText, sized, type MicroBenchmark, type MicroSubject, type Scale } from "./benchmark.js";

const keyBytes = 20;
const valueBytes = 100;
/** Of what a cached entry takes, roughly; only to choose budgets. */
const recordBytes = 256;
const space = 1;

/** Keys one after the other with their tokens; `order` is a random walk over them. */
class CacheKeys {
  readonly keys: Buffer;
  readonly highs: Uint32Array;
  readonly lows: Uint32Array;
  readonly order: Uint32Array;
  readonly value = Buffer.alloc(valueBytes, 0x76);

  constructor(seed: number, count: number) {
    const random = seededRandom(seed);
    this.keys = randomText(random, count * keyBytes);
    this.highs = new Uint32Array(count);
    this.lows = new Uint32Array(count);
    this.order = new Uint32Array(count);
    for (let i = 0; i < count; i++) {
      this.highs[i] = tokenHigh(this.keys, i * keyBytes, (i + 1) * keyBytes);
      this.lows[i] = tokenLow(this.keys, i * keyBytes, (i + 1) * keyBytes);
      this.order[i] = random.below(count);
    }
  }

  isIn(cache: EntryCache, i: number): boolean {
    return cache.find(space, this.highs[i] as number, this.lows[i] as number, this.keys, i * keyBytes, (i + 1) * keyBytes);
  }

  put(cache: EntryCache, i: number): void {
    const [high, low] = [this.highs[i] as number, this.lows[i] as number];
    cache.set(space, high, low, 7, this.keys, i * keyBytes, (i + 1) * keyBytes, this.value, 0, valueBytes);
  }
}

/** The replica's cache of entries: keys of 20 B, values of 100 B. Size: entries. */
export const entryCacheBenchmarks: MicroSubject = (scale) => {
  const sizes = sized(scale, [10_000, 1_000_000], [100]);
  return [
    ...sizes.map((entries) => lookUp(scale, "entry cache hit", entries, true)),
    ...sizes.map((entries) => lookUp(scale, "entry cache miss", entries, false)),
    insert(sized(scale, 10_000, 100)),
    insertEvicting(sized(scale, 100_000, 20_000)),
  ];
};

function lookUp(scale: Scale, name: string, entries: number, isHit: boolean): MicroBenchmark {
  const operations = sized(scale, 1_000, 100);
  return {
    name,
    size: entries,
    operations,
    prepare() {
      const kept = new CacheKeys(1, entries);
      const cache = new EntryCache(Math.max(limits.memoryMinBytes, entries * recordBytes));
      for (let i = 0; i < entries; i++) kept.put(cache, i);
      const asked = isHit ? kept : new CacheKeys(2, entries);
      let next = 0;
      return {
        run() {
          let hits = 0;
          for (let i = 0; i < operations; i++) {
            if (asked.isIn(cache, asked.order[next] as number)) hits++;
            if (++next === entries) next = 0;
          }
          if (hits !== (isHit ? operations : 0)) throw new Error(`${hits} of ${operations} look-ups were hits`);
          return hits;
        },
      };
    },
  };
}

function insert(entries: number): MicroBenchmark {
  return {
    name: "entry cache insert",
    size: entries,
    operations: entries,
    prepare() {
      const keys = new CacheKeys(3, entries);
      const emptyCache = (): EntryCache => new EntryCache(Math.max(limits.memoryMinBytes, entries * recordBytes));
      let cache = emptyCache();
      return {
        beforeEach: () => void (cache = emptyCache()),
        run() {
          for (let i = 0; i < entries; i++) keys.put(cache, i);
          return cache.entries;
        },
      };
    },
  };
}

/** Every insert is of an entry that is not there, and costs an older one its place. */
function insertEvicting(entries: number): MicroBenchmark {
  const operations = entries / 100;
  return {
    name: "entry cache insert, evicting",
    size: entries,
    operations,
    prepare() {
      const keys = new CacheKeys(4, entries);
      // Room for half of them at most.
      const cache = new EntryCache((entries * recordBytes) / 4);
      for (let i = 0; i < entries; i++) keys.put(cache, i);
      let next = 0;
      return {
        run() {
          for (let i = 0; i < operations; i++) keys.put(cache, next + i);
          next = (next + operations) % entries;
          return cache.entries;
        },
      };
    },
  };
}
