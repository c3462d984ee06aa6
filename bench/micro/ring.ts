import { runInNewContext } from "node:vm";
import { setFlagsFromString } from "node:v8";
import { seededRandom } from "../../src/base/random.js";
import { cutRange } from "../../src/ring/hash-range.js";
import { Ring, type RingColumns } from "../../src/ring/ring.js";
import { sized, type MicroBenchmark, type MicroSubject, type Scale } from "./benchmark.js";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** Finding the owner of a token, in rings with random borders; and making the ring of one split. Size: ranges. */
export const ringBenchmarks: MicroSubject = (scale) => [
  ...sized(scale, [100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000], [100, 1_000]).map((ranges) => lookUp(scale, ranges)),
  skewedLookUp(scale),
  ...sized(scale, [100, 4_096, 1_000_000], [100]).map((ranges) => split(ranges)),
];

function lookUp(scale: Scale, ranges: number): MicroBenchmark {
  return {
    name: "ring look-up",
    size: ranges,
    operations: operationsOf(scale),
    prepare() {
      const columns = randomColumns(ranges, (random) => random.uint32());
      return { run: lookUps(new Ring(1, columns), scale), bytesPerRange: measuredBytesPerRange(columns, scale) };
    },
  };
}

/** All borders lie in a 65,536th of the token space, and so do the tokens: the table of slots is of no use. */
function skewedLookUp(scale: Scale): MicroBenchmark {
  const ranges = sized(scale, 1_000_000, 1_000);
  return {
    name: "ring look-up, skewed",
    size: ranges,
    operations: operationsOf(scale),
    prepare() {
      const columns = randomColumns(ranges, (random) => 0x5a5a0000 + random.below(0x10000));
      return { run: lookUps(new Ring(1, columns), scale, 0x5a5a0000, 0x10000) };
    },
  };
}

function split(ranges: number): MicroBenchmark {
  return {
    name: "ring split",
    size: ranges,
    operations: 1,
    prepare() {
      const ring = new Ring(
        1,
        randomColumns(ranges, (random) => random.uint32()),
      );
      const random = seededRandom(2);
      return {
        run() {
          const parent = ring.entryAt(ring.indexOf(random.uint32(), 0));
          const { start, end } = parent.range;
          const [left, right] = cutRange(parent.range, { high: Math.floor((start.high + end.high) / 2), low: 0xffffffff });
          return ring.withEntries(2, [
            { ...parent, range: left },
            { ...parent, range: right, canisterId: 1 },
          ]).size;
        },
      };
    },
  };
}

/** Look-ups of random tokens in [high, high + width), different ones each time: neither caches nor branches learn them. */
function lookUps(ring: Ring, scale: Scale, high = 0, width = 2 ** 32): () => number {
  const random = seededRandom(3);
  const count = sized(scale, 2 ** 20, 2 ** 10);
  const highs = Uint32Array.from({ length: count }, () => high + random.below(width));
  const lows = Uint32Array.from({ length: count }, () => random.uint32());
  const operations = operationsOf(scale);
  let next = 0;
  return () => {
    let sum = 0;
    for (const end = next + operations; next < end; next++) sum += ring.indexOf(highs[next] as number, lows[next] as number);
    if (next === count) next = 0;
    return sum;
  };
}

/** Divides the number of tokens without a rest. */
function operationsOf(scale: Scale): number {
  return sized(scale, 2 ** 12, 2 ** 8);
}

function randomColumns(ranges: number, nextHigh: (random: ReturnType<typeof seededRandom>) => number): RingColumns {
  const random = seededRandom(ranges);
  // As 64-bit numbers, low part first, so that they can be sorted without an object each.
  const halves = new Uint32Array(ranges * 2);
  for (let i = 1; i < ranges; i++) {
    halves[2 * i] = random.uint32();
    halves[2 * i + 1] = nextHigh(random);
  }
  new BigUint64Array(halves.buffer).sort();
  return {
    startHigh: Uint32Array.from({ length: ranges }, (_, i) => halves[2 * i + 1] as number),
    startLow: Uint32Array.from({ length: ranges }, (_, i) => halves[2 * i] as number),
    canisterIds: Float64Array.from({ length: ranges }, (_, i) => i + 1),
    replicaIndexes: Uint32Array.from({ length: ranges }, (_, i) => i % 3),
    replicaIds: ["replica-1", "replica-2", "replica-3"],
  };
}

/** What the process grows by a range, its arrays and objects together: of as many copies as it takes to see them. */
function measuredBytesPerRange(columns: RingColumns, scale: Scale): number {
  const ranges = columns.startHigh.length;
  const copies = Math.ceil(sized(scale, 1_000_000, 100_000) / ranges);
  const rings: Ring[] = [];
  const before = memoryInUse();
  for (let i = 0; i < copies; i++) rings.push(new Ring(1, copyOf(columns)));
  const grown = memoryInUse() - before;
  return grown / rings.reduce((sum, ring) => sum + ring.size, 0);
}

function memoryInUse(): number {
  // The memory of arrays is given back behind the collection that finds them unused.
  for (let i = 0; i < 3; i++) collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function copyOf({ startHigh, startLow, canisterIds, replicaIndexes, replicaIds }: RingColumns): RingColumns {
  return {
    startHigh: startHigh.slice(),
    startLow: startLow.slice(),
    canisterIds: canisterIds.slice(),
    replicaIndexes: replicaIndexes.slice(),
    replicaIds,
  };
}
