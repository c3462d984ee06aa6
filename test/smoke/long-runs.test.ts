/** The long runs of test/long at a size that takes seconds: they must work whenever they are needed. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { runNothingLost } from "../long/nothing-lost.js";
import { runRealCap } from "../long/real-cap-run.js";
import { withTemporaryFolder } from "../long/server-process.js";
import { runSplitUnderLoad } from "../long/split-stall.js";

const log = (): void => undefined;

describe("a real server", () => {
  test("loses nothing when it is killed under load, or at its split's crash points", async () => {
    const report = await withTemporaryFolder((dataDir) =>
      runNothingLost({
        seed: 3,
        killRounds: 3,
        crashPoints: ["split.committed"],
        crashTimes: [1],
        maxOperationsPerRound: 1_500,
        callers: 16,
        dataDir,
        log,
      }),
    );
    assert.deepEqual(report.violations, []);
  });

  test("stays linearizable per key while its canisters split", async () => {
    const report = await withTemporaryFolder((dataDir) => runSplitUnderLoad({ seed: 3, splits: 20, callers: 16, dataDir }));
    assert.deepEqual(report.violations, []);
  });

  test("keeps every canister under its cap and its memory within the budget", async () => {
    const sizes = { sizeBytes: 24 * 2 ** 20, capBytes: 8 * 2 ** 20, memoryBytes: 64 * 2 ** 20, sampleKeys: 2_000, minCanisters: 3 };
    const report = await withTemporaryFolder((dataDir) => runRealCap({ seed: 3, ...sizes, dataDir, log }));
    assert.deepEqual(report.violations, []);
  });
});
