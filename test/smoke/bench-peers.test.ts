/** The driver of `npm run bench:peers` with every subject, at a size that takes seconds: it must work whenever it is needed. */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { SuiteResults } from "../../bench/driver/results.js";
import { planCells, type PlanChoice } from "../../bench/peers/plan.js";
import { subjectKinds } from "../../bench/peers/subjects.js";

const program = fileURLToPath(new URL("../../bench/peers/main.js", import.meta.url));

/** Of a table of targets: a workload with sizes, and who must be measured in one and the same cell. */
const targetCells = [
  ["get", "zipfian", 100, 256, ["bigmap", "redis-always", "echo-floor", "etcd"]],
  ["get", "uniform", 100, 256, ["bigmap", "redis-always"]],
  ["put", "zipfian", 100, 256, ["bigmap", "redis-always", "raw-rocksdb", "etcd"]],
  ["get", "zipfian", 100, 1, ["bigmap", "redis-always"]],
  ["put", "zipfian", 100, 1, ["bigmap", "redis-always"]],
  ...(["ycsb-a", "ycsb-b", "ycsb-c", "ycsb-d", "ycsb-f"] as const).map(
    (workload) => [workload, "zipfian", 1024, 256, ["bigmap", "redis-always", "redis-everysec"]] as const,
  ),
] as const;

const openChoice: PlanChoice = {
  all: false,
  workloads: undefined,
  callers: undefined,
  valueBytes: undefined,
  distributions: undefined,
  subjects: undefined,
};

describe("the plan of bench:peers", () => {
  test("has every cell that a target names", () => {
    const cells = planCells(openChoice);
    for (const [workload, distribution, valueBytes, callers, subjects] of targetCells) {
      const cell = cells.find(
        (each) =>
          each.workload === workload && each.distribution === distribution && each.valueBytes === valueBytes && each.callers === callers,
      );
      assert.ok(
        subjects.every((name) => cell?.subjects.includes(name)),
        `${workload} ${distribution} ${valueBytes} ${callers}`,
      );
    }
  });

  test("is cut down by what is chosen, and never asks a subject for what it has not", () => {
    const chosen = planCells({ ...openChoice, workloads: ["get", "scan"], callers: [1, 2], subjects: ["bigmap", "echo-floor"] });
    assert.deepEqual(
      chosen.map(({ workload, callers, subjects }) => [workload, callers, subjects]),
      [
        ["get", 1, ["bigmap", "echo-floor"]],
        ["get", 2, ["bigmap", "echo-floor"]],
        ["scan", 1, ["bigmap"]],
        ["scan", 2, ["bigmap"]],
      ],
    );
  });
});

describe("bench:peers", () => {
  test("measures every subject in turns, finds nothing wrong, and leaves nothing behind", async () => {
    const folder = mkdtempSync(join(tmpdir(), "bigmap-"));
    try {
      const output = join(folder, "peers.json");
      const words = ["--smoke", "--workloads", "get,put,delete,batch-get-100,ycsb-a", "--dir", folder, "--output", output];
      const { code, text } = await runProgram(words);
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

  test("stops its servers and removes their data when it is interrupted", async () => {
    const folder = mkdtempSync(join(tmpdir(), "bigmap-"));
    try {
      const words = ["--records", "200", "--seconds", "60", "--subjects", "bigmap,redis-always,raw-rocksdb", "--dir", folder];
      const { code } = await runProgram([...words, "--callers", "4"], (text, child) => {
        if (text.includes("round 1")) child.kill("SIGINT");
      });
      assert.equal(code, 130);
      assert.deepEqual(readdirSync(folder), []);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

/** Runs the driver to its end; `onOutput` sees all that it has said so far. */
async function runProgram(words: readonly string[], onOutput?: (text: string, child: ChildProcess) => void) {
  const child = spawn(process.execPath, [program, ...words], { stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (part: string) => {
      text += part;
      onOutput?.(text, child);
    });
  }
  const [code] = (await once(child, "close")) as [number | null];
  return { code, text };
}
