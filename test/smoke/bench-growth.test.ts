/** `npm run bench:growth` with every scenario, at a size that takes seconds: it must work whenever it is needed. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { SuiteResults } from "../../bench/driver/results.js";
import { scenarioNames, smokeSizes } from "../../bench/growth/settings.js";

const program = fileURLToPath(new URL("../../bench/growth/main.js", import.meta.url));

/** The points of each curve, as often as there are subjects and workloads. */
const expectedValues: Readonly<Record<(typeof scenarioNames)[number], readonly (number | string)[]>> = {
  canisters: smokeSizes.canisters.counts,
  entries: smokeSizes.entries.steps,
  dataTimesBudget: smokeSizes.data.multiples,
  splitting: ["none", "continuous"],
  fill: ["none", "in the background", "running", "running, gets at half of what they reach beside it"],
};

describe("bench:growth", () => {
  test("measures every scenario in turns, finds nothing wrong, and leaves nothing behind", async () => {
    const folder = mkdtempSync(join(tmpdir(), "bigmap-"));
    try {
      const output = join(folder, "growth.json");
      const child = spawn(process.execPath, [program, "--smoke", "--dir", folder, "--output", output], {
        stdio: ["ignore", "pipe", "pipe"],
      });
      let text = "";
      for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (part: string) => (text += part));
      const [code] = (await once(child, "close")) as [number | null];
      assert.equal(code, 0, text);
      const { subjects, settings, measurements } = JSON.parse(readFileSync(output, "utf8")) as SuiteResults;
      assert.deepEqual(Object.keys(subjects).sort(), ["bigmap", "raw-rocksdb"]);
      assert.deepEqual(Object.keys(settings.scenarios as object), scenarioNames);
      for (const name of scenarioNames) {
        const ofScenario = measurements.filter(({ vary }) => vary?.name === name);
        for (const value of expectedValues[name]) {
          const gets = ofScenario.filter(
            ({ vary, workload, subject }) => vary?.value === value && workload === "get" && subject === "bigmap",
          );
          assert.deepEqual(gets.map(({ round }) => round).sort(), [1, 2], `${name} ${value}`);
          assert.ok(gets.every(({ operations, p50Us }) => operations > 0 && p50Us > 0));
        }
        assert.equal(new Set(ofScenario.map(({ vary }) => vary?.value)).size, expectedValues[name].length);
      }
      const { splitting } = settings.scenarios as unknown as { splitting: Record<"none" | "continuous", { splits: number }> };
      assert.equal(splitting.none.splits, 0);
      assert.ok(splitting.continuous.splits > 0, "the small cap makes the map split while it is measured");
      assert.deepEqual([...new Set(measurements.map(({ errors, wrong }) => errors + wrong))], [0]);
      assert.deepEqual(readdirSync(folder), ["growth.json"]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
