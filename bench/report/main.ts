/**
 * `npm run bench:report`: holds the recorded results against the targets, prints the verdicts, draws the plots and writes the
 * table of README.md. A missed target is reported. Exit code 1 where a file of results cannot be read, and with `--strict`
 * also where a target is missed or not measured.
 */
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { writeReport } from "./report.js";

const { values } = parseArgs({ options: { strict: { type: "boolean", default: false } } });
const { lines, missing, verdicts } = await writeReport(fileURLToPath(new URL("../../../", import.meta.url)));
for (const path of missing) console.error(`${path} is not there: what it would show is not measured`);
console.log(lines.join("\n"));
if (values.strict && verdicts.some(({ state }) => state !== "met")) process.exitCode = 1;
