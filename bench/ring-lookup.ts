// How long it takes to find the owner of a key: the token, and the search in rings of several sizes.
import { Bench } from "tinybench";
import { seededRandom } from "../src/base/random.js";
import { evenRanges } from "../src/ring/hash-range.js";
import { Ring } from "../src/ring/ring.js";
import { tokenHigh, tokenLow } from "../src/ring/token.js";

const keysPerRun = 10_000;
const random = seededRandom(1);
const keys = Array.from({ length: keysPerRun }, (_, i) => Buffer.from(`user:${i}:${random.uint32()}`));
const highs = Uint32Array.from(keys, (key) => tokenHigh(key, 0, key.length));
const lows = Uint32Array.from(keys, (key) => tokenLow(key, 0, key.length));
let sink = 0;

const bench = new Bench({ time: 300 });
bench.add(`${keysPerRun} tokens of 20 B keys`, () => {
  for (const key of keys) sink ^= tokenHigh(key, 0, key.length) ^ tokenLow(key, 0, key.length);
});
for (const size of [4, 129, 1_000, 100_000]) {
  const entries = evenRanges(size).map((range, i) => ({ range, canisterId: i + 1, replicaId: `r${i % 3}` }));
  const ring = new Ring(1, entries);
  bench.add(`${keysPerRun} look-ups in a ring of ${size}`, () => {
    for (let i = 0; i < keysPerRun; i++) sink ^= ring.indexOf(highs[i] as number, lows[i] as number);
  });
}

await bench.run();
for (const task of bench.tasks) {
  const runMs = task.result.state === "completed" ? task.result.latency.mean : NaN;
  console.log(`${task.name.padEnd(44)} ${((runMs / keysPerRun) * 1e6).toFixed(1).padStart(8)} ns each`);
}
process.exitCode = Number.isNaN(sink) ? 1 : 0;
