/** The driver of `npm run bench:peers` with every subject, at a size that takes seconds: it must work whenever it is needed. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { SuiteResults } from "../../bench/driver/results.js";
import { subjectKinds } from "../../bench/peers/subjects.js";

const program = fileURLToPath(new URL("../../bench/peers/main.js", import.meta.url));

describe("bench:peers", () => {
  test("measures every subject in turns, finds nothing wrong, and leaves nothing behind", async () => {
    const folder = mkdtempSync(join(tmpdir(), "bigmap-"));
    try {
      const output = join(folder, "peers.json");
      const words = ["--smoke", "--workloads", "get,put,delete,batch-get-100,ycsb-a", "--dir", folder, "--output", output];
      const child = spawn(process.execPath, [program, ...words], { stdio: ["ignore", "pipe", "pipe"] });
      let text = "";
      for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (part: string) => (text += part));
      const [code] = (await once(child, "close")) as [number | null];
      assert.equal(code, 0, text);
      const { subjects, measurements } = JSON.parse(readFileSync(output, "utf8")) as SuiteResults;
      for (const { name, supports } of subjectKinds) {
        // A server that is missing and cannot be installed is named here, with what to do.
        assert.ok(subjects[name] !== undefined && !("leftOut" in subjects[name]), JSON.stringify(subjects[name]));
        const rounds = measurements.filter(({ subject, workload }) => subject === name && workload === "get");
        assert.deepEqual(rounds.map(({ round }) => round).sort(), [1, 2]);
        assert.ok(rounds.every(({ operations, p50Us, p999Us }) => operations > 0 && p50Us > 0 && p999Us >= p50Us));
        assert.equal(
          measurements.some(({ subject, workload }) => subject === name && workload === "ycsb-a"),
          supports("ycsb-a"),
        );
      }
      assert.deepEqual([...new Set(measurements.map(({ errors, wrong }) => errors + wrong))], [0]);
      assert.deepEqual(readdirSync(folder), ["peers.json"]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
