import { limits } from "../../src/base/limits.js";
import { seededRandom } from "../../src/base/random.js";
import { Accounting } from "../../src/canister/accounting.js";
import { DeltaRowWriter } from "../../src/canister/accounting-rows.js";
import { DataCanister } from "../../src/canister/data-canister.js";
import { wholeTokenSpace } from "../../src/ring/hash-range.js";
import { sized, type MicroBenchmark, type MicroSubject } from "./benchmark.js";

const entryBytes = 20 + 100 + limits.entryOverheadBytes;

/** One update of a canister. */
type Step = (canister: DataCanister, tokenHigh: number) => number;

const steps: readonly (readonly [name: string, step: Step])[] = [
  ["canister decide, new entry", (canister, tokenHigh) => canister.decidePut(tokenHigh, 0, 0, 0, 0, entryBytes)],
  ["canister decide, overwrite", (canister, tokenHigh) => canister.decidePut(tokenHigh, 0, 0, 1, entryBytes, entryBytes)],
  ["canister count", count],
];

/** A data canister's decisions and counting, and what one commit writes down of them. Size: updates of the commit. */
export const canisterBenchmarks: MicroSubject = (scale) =>
  sized(scale, [1, 16, 256], [16]).flatMap((updates) => [
    ...steps.map(([name, step]) => canisterBenchmark(name, updates, step, forgetChanges)),
    canisterBenchmark("canister count, delta row", updates, count, encodeChanges),
  ]);

/** After the updates of a commit `finish` takes the changes, as the replica does. */
function canisterBenchmark(name: string, updates: number, step: Step, finish: (canister: DataCanister) => number): MicroBenchmark {
  return {
    name,
    size: updates,
    operations: updates,
    prepare() {
      const random = seededRandom(updates);
      const tokens = Uint32Array.from({ length: updates }, () => random.uint32());
      const identity = { canisterId: 1, mapId: 1, map: "bench", capBytes: Number.MAX_SAFE_INTEGER, epoch: 1 };
      const canister = new DataCanister(identity, new Accounting(wholeTokenSpace), 0);
      return {
        run() {
          let sum = 0;
          for (let i = 0; i < updates; i++) sum += step(canister, tokens[i] as number);
          return sum + finish(canister);
        },
      };
    },
  };
}

function count(canister: DataCanister, tokenHigh: number): number {
  canister.accounting.add(tokenHigh, 1, entryBytes);
  return 1;
}

function forgetChanges({ accounting }: DataCanister): number {
  let changed = 0;
  accounting.takeChanges((_cell, entries) => (changed += entries));
  return changed;
}

function encodeChanges({ canisterId, sequence, accounting }: DataCanister): number {
  const row = new DeltaRowWriter();
  row.add(canisterId, sequence, accounting);
  return row.finish().length;
}
