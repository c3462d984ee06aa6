/** `npm run test:split -- --splits 100`: all sorts of callers on shared keys while canisters split; how long do they stall? */
import { parseArgs } from "node:util";
import { conclude } from "./record.js";
import { withTemporaryFolder } from "./server-process.js";
import { runSplitUnderLoad } from "./split-stall.js";

const stallMaxMs = 50;

const { values } = parseArgs({
  options: {
    splits: { type: "string", default: "100" },
    callers: { type: "string", default: "16" },
    seed: { type: "string", default: "1" },
  },
});

await withTemporaryFolder(async (dataDir) => {
  const { stall, ...report } = await runSplitUnderLoad({
    seed: Number(values.seed),
    splits: Number(values.splits),
    callers: Number(values.callers),
    dataDir,
  });
  const isSlow = stall.overlapping.p999Ms >= stallMaxMs;
  const slow = isSlow ? [`operations beside splits took ${stall.overlapping.p999Ms} ms at p99.9, not under ${stallMaxMs} ms`] : [];
  conclude("split-under-load", { ...report, violations: [...report.violations, ...slow] });
});
