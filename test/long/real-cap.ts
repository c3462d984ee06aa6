/** `npm run test:real-cap -- --size 10GiB`: the default cap of 4 GiB with as much data as it takes to pass it. */
import { parseArgs } from "node:util";
import { parseSizeBytes } from "../../src/base/bytes.js";
import { conclude } from "./record.js";
import { runRealCap } from "./real-cap-run.js";
import { withTemporaryFolder } from "./server-process.js";

const { values } = parseArgs({
  options: {
    size: { type: "string", default: "10GiB" },
    cap: { type: "string", default: "4GiB" },
    memory: { type: "string", default: "1GiB" },
    sample: { type: "string", default: "100000" },
    canisters: { type: "string", default: "3" },
    seed: { type: "string", default: "1" },
  },
});

await withTemporaryFolder(async (dataDir) => {
  const report = await runRealCap({
    seed: Number(values.seed),
    sizeBytes: parseSizeBytes(values.size),
    capBytes: parseSizeBytes(values.cap),
    memoryBytes: parseSizeBytes(values.memory),
    sampleKeys: Number(values.sample),
    minCanisters: Number(values.canisters),
    dataDir,
    log: (line) => console.log(line),
  });
  conclude("real-cap", report);
});
