/** `npm run test:kill-nine -- --rounds 50`: kill -9 under load, and a crash at every fault point; nothing may be lost. */
import { parseArgs } from "node:util";
import { allCrashPoints, runNothingLost } from "./nothing-lost.js";
import { conclude } from "./record.js";
import { withTemporaryFolder } from "./server-process.js";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "50" },
    "crash-times": { type: "string", default: "1,2,3" },
    operations: { type: "string", default: "6000" },
    callers: { type: "string", default: "16" },
    seed: { type: "string", default: "1" },
  },
});

await withTemporaryFolder(async (dataDir) => {
  const report = await runNothingLost({
    seed: Number(values.seed),
    killRounds: Number(values.rounds),
    crashPoints: allCrashPoints,
    crashTimes: values["crash-times"]
      .split(",")
      .filter((times) => times !== "")
      .map(Number),
    maxOperationsPerRound: Number(values.operations),
    callers: Number(values.callers),
    dataDir,
    log: (line) => console.log(line),
  });
  conclude("kill-nine", report);
});
