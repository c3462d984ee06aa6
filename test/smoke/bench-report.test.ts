/** The report of the benchmarks: figures from invented results, and that README.md and the plots are what the recorded results give. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { textWidth } from "../../bench/report/font.js";
import { formatBytes, formatCount, formatInteger, formatMicroseconds, formatRatio } from "../../bench/report/format.js";
import { replaceBetween } from "../../bench/report/markdown.js";
import { drawPlots, plotsOf } from "../../bench/report/plots.js";
import { readmeMarkers, readmeSection } from "../../bench/report/readme-section.js";
import { readResults, resultsFolder } from "../../bench/report/read-results.js";
import { renderPng, renderSvg } from "../../bench/report/render.js";
import { writeReport } from "../../bench/report/report.js";
import type { AllResults } from "../../bench/report/results.js";
import { medianOf, ratioSpread, spreadOf } from "../../bench/report/statistics.js";
import { targets } from "../../bench/report/targets.js";
import { figuresText, thresholdsText } from "../../bench/report/verdict-text.js";
import { evaluateTargets, type Verdict } from "../../bench/report/verdicts.js";
import { projectRoot, readProjectFile } from "../house/source-files.js";
import { growthMeasurements, invented, measurement, peersMeasurements } from "./bench-report-results.js";

const nothing: AllResults = { peers: undefined, growth: undefined, import: undefined, micro: undefined };

function verdictOf(id: string, results: AllResults): Verdict {
  const verdict = evaluateTargets(targets, results).find(({ target }) => target.id === id);
  assert.ok(verdict !== undefined);
  return verdict;
}

/** Marks of one kind in an SVG: the children of its groups, axes and legends left out. */
function countMarks(svg: string, kind: "symbol" | "line" | "area" | "rect"): number {
  const groups = svg.matchAll(new RegExp(`<g class="mark-${kind} role-mark [^>]*>(.*?)</g>`, "g"));
  return [...groups].reduce((sum, [, inner]) => sum + (inner?.match(/<path/g)?.length ?? 0), 0);
}

describe("statistics of rounds", () => {
  test("the median is the middle value, or lies between the two middle ones", () => {
    assert.equal(medianOf([9, 1, 5]), 5);
    assert.equal(medianOf([9, 1, 5, 6]), 5.5);
    assert.deepEqual(spreadOf([3, 1, 2]), { median: 2, min: 1, max: 3, rounds: 3 });
    assert.equal(spreadOf([]), undefined);
  });

  test("a ratio is the median of the rounds' ratios, of the rounds that both sides have", () => {
    const rounds = (...values: number[]): { round: number; value: number }[] => values.map((value, round) => ({ round, value }));
    // The ratio of the medians would be 3.
    assert.deepEqual(ratioSpread(rounds(10, 90, 30), rounds(10, 30, 5)), { median: 3, min: 1, max: 6, rounds: 3 });
    assert.deepEqual(ratioSpread(rounds(10, 90, 30), rounds(5, 10)), { median: 5.5, min: 2, max: 9, rounds: 2 });
    assert.equal(ratioSpread(rounds(1), []), undefined);
  });

  test("numbers are written with three digits", () => {
    assert.deepEqual([999, 999.7, 31_240, 1_056_000].map(formatCount), ["999", "1 k", "31.2 k", "1.06 M"]);
    assert.deepEqual([0.5, 84.96, 1_200, 3_100_000].map(formatMicroseconds), ["0.5 µs", "85 µs", "1.2 ms", "3.1 s"]);
    assert.deepEqual([512, 1_536, 23.5 * 2 ** 30].map(formatBytes), ["512 B", "1.5 KiB", "23.5 GiB"]);
    assert.deepEqual([formatRatio(2), formatRatio(0.0213), formatInteger(1_000_000)], ["2 ×", "0.021 ×", "1,000,000"]);
  });
});

describe("targets", () => {
  const rates = (subject: "bigmap" | "redis-always", ...values: number[]): ReturnType<typeof measurement>[] =>
    values.map((operationsPerSecond, round) => measurement({ subject, distribution: "zipfian", round, operationsPerSecond }));

  test("a figure at the threshold meets it, one below misses it", () => {
    const met = invented({ peers: [...rates("bigmap", 400, 900, 500), ...rates("redis-always", 200, 300, 300)] });
    assert.equal(verdictOf("get-zipfian", met).state, "met");
    assert.equal(figuresText(verdictOf("get-zipfian", met)), "2 × (1.67 … 3 ×)");
    assert.equal(thresholdsText(verdictOf("get-zipfian", met)), "≥ 2 ×");
    const missed = invented({ peers: [...rates("bigmap", 399, 900, 500), ...rates("redis-always", 200, 300, 300)] });
    assert.equal(verdictOf("get-zipfian", missed).state, "missed");
  });

  test("what was not measured under the target's load is neither met nor missed", () => {
    const states = evaluateTargets(targets, nothing).map(({ state }) => state);
    assert.deepEqual([...new Set(states)], ["not measured"]);
    const onlyOurs = invented({ peers: rates("bigmap", 400) });
    assert.equal(verdictOf("get-zipfian", onlyOurs).state, "not measured");
    assert.equal(figuresText(verdictOf("get-zipfian", onlyOurs)), "–");
    const fewRecords = [...rates("bigmap", 400), ...rates("redis-always", 100)].map((one) => ({ ...one, records: 1_000 }));
    assert.equal(verdictOf("get-zipfian", invented({ peers: fewRecords })).state, "not measured");
  });

  test("of several cells the worst one counts, and is named", () => {
    const puts = (distribution: string, ours: number): ReturnType<typeof measurement>[] => [
      measurement({ workload: "put", distribution, operationsPerSecond: ours }),
      measurement({ workload: "put", distribution, operationsPerSecond: 100, subject: "redis-always" }),
    ];
    const verdict = verdictOf("put", invented({ peers: [...puts("zipfian", 140), ...puts("uniform", 180)] }));
    assert.equal(verdict.state, "missed");
    assert.equal(figuresText(verdict), "1.4 × (zipfian keys)");
  });

  test("a latency is bounded from above", () => {
    const alone = (p50Us: number, subject: "bigmap" | "redis-always"): ReturnType<typeof measurement> =>
      measurement({ workload: "put", callers: 1, subject, p50Us });
    assert.equal(verdictOf("one-caller-put", invented({ peers: [alone(210, "bigmap"), alone(100, "redis-always")] })).state, "missed");
    assert.equal(verdictOf("one-caller-put", invented({ peers: [alone(190, "bigmap"), alone(100, "redis-always")] })).state, "met");
  });

  test("a target with two ways is met by either", () => {
    const rows = { name: "rows", value: "text" };
    const run = (workload: "import" | "parse", megabytes: number): ReturnType<typeof measurement> =>
      measurement({ workload, vary: rows, valueBytes: 1024, callers: 1, bytesPerSecond: megabytes * 1e6 });
    const verdict = verdictOf("import-text", {
      ...nothing,
      import: { suite: "import", measurements: [run("import", 60), run("parse", 80)] },
    });
    assert.equal(verdict.state, "met");
    assert.equal(thresholdsText(verdict), "≥ 80 MB/s, or ≥ 70 % of parsing alone");
    assert.equal(figuresText(verdict), "60 MB/s; 75 % of parsing alone");
    const slow = verdictOf("import-text", { ...nothing, import: { suite: "import", measurements: [run("import", 40), run("parse", 80)] } });
    assert.equal(slow.state, "missed");
  });

  test("points of growth and micro benchmarks have their targets", () => {
    const at = (value: number, operationsPerSecond: number): ReturnType<typeof measurement> =>
      measurement({ vary: { name: "canisters", value }, operationsPerSecond });
    assert.equal(figuresText(verdictOf("canisters", invented({ growth: [at(1, 100), at(4096, 86)] }))), "86 %");
    const results = invented({ micro: [{ size: 1_000_000, nanosecondsPerOperation: 480, bytesPerRange: 41 }] });
    assert.deepEqual([verdictOf("ring-time", results).state, verdictOf("ring-memory", results).state], ["met", "missed"]);
  });

  test("a round with failed or wrong answers is not counted, and named", () => {
    const wrong = { ...measurement({ distribution: "zipfian", round: 1, operationsPerSecond: 9_999 }), wrong: 3 };
    const results = invented({ peers: [...rates("bigmap", 300), wrong, ...rates("redis-always", 100, 100)] });
    assert.equal(figuresText(verdictOf("get-zipfian", results)), "3 ×");
    assert.match(
      readmeSection(results, []),
      /Not counted.*BigMap: get, zipfian, 100 B, 256 callers \(1 rounds, 0 errors, 3 wrong answers\)/,
    );
  });
});

describe("plots", () => {
  const results = invented({ peers: peersMeasurements(), growth: growthMeasurements() });

  test("every family has a mark for each figure, and fits the page", async () => {
    const plots = await drawPlots(results);
    const marks = new Map(
      plots.map(({ name, svg }) => [name, [countMarks(svg, "symbol"), countMarks(svg, "line"), countMarks(svg, "area")]]),
    );
    // 3 subjects, 3 numbers of callers, 2 workloads or 3 percentiles.
    assert.deepEqual(marks.get("throughput-100b"), [18, 6, 6]);
    assert.deepEqual(marks.get("latency-get-100b"), [27, 9, 9]);
    assert.deepEqual(marks.get("latency-put-100b"), [27, 9, 9]);
    // 2 workloads, 2 panels, 3 or 2 values.
    assert.deepEqual(marks.get("growth-canisters"), [12, 4, 4]);
    const bars = new Map(plots.map(({ name, svg }) => [name, countMarks(svg, "rect")]));
    // 2 subjects beside the baseline, 5 mixes.
    assert.equal(bars.get("ycsb"), 10);
    assert.equal(bars.get("growth-fill"), 8);
    assert.equal(plots.length, 6);
    for (const { name, svg } of plots) {
      const [, width] = /^<svg [^>]*width="(\d+)"/.exec(svg) ?? [];
      assert.ok(Number(width) <= 900, `${name} is ${width} pixels wide`);
      assert.ok(svg.includes("Invented Processor, 2 cores, 8 GiB, Linux 6.0 · commit 0123456 · 2026-01-31"), `${name} names the machine`);
    }
  });

  test("the same results give the same bytes, and a PNG of the SVG's size", async () => {
    const [plot] = plotsOf(results);
    assert.ok(plot !== undefined);
    const svg = await renderSvg(plot.spec);
    assert.equal(await renderSvg(plot.spec), svg);
    const png = renderPng(svg);
    assert.deepEqual(png, renderPng(svg));
    assert.equal(png.toString("latin1", 1, 4), "PNG");
    assert.equal(`width="${png.readUInt32BE(16)}" height="${png.readUInt32BE(20)}"`, /width="\d+" height="\d+"/.exec(svg)?.[0]);
  });

  test("text is measured by the font's own widths", () => {
    // The space of DejaVu Sans is 651 of 2,048 units wide, its m 1,995.
    assert.equal(textWidth(" m", 2_048, false), 651 + 1_995);
    assert.ok(textWidth("m", 10, true) > textWidth("m", 10, false));
  });
});

describe("the report's files", () => {
  const inFolder = async (run: (root: string) => Promise<void>): Promise<void> => {
    const root = mkdtempSync(join(tmpdir(), "bigmap-bench-report-"));
    try {
      mkdirSync(join(root, resultsFolder, "plots"), { recursive: true });
      writeFileSync(join(root, "README.md"), `# Top\n\n${readmeMarkers.begin}\nold\n${readmeMarkers.end}\n\nEnd\n`);
      await run(root);
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  };

  test("are written from the results, and what is drawn no longer goes", () =>
    inFolder(async (root) => {
      writeFileSync(join(root, resultsFolder, "growth.json"), JSON.stringify(invented({ growth: growthMeasurements() }).growth));
      writeFileSync(join(root, resultsFolder, "plots", "ycsb.svg"), "old");
      const { lines, missing } = await writeReport(root);
      assert.ok(lines.some((line) => /^not measured +get, 100 B/.test(line)));
      assert.deepEqual(
        missing,
        ["peers", "import", "micro"].map((suite) => `${resultsFolder}/${suite}.json`),
      );
      const names = ["growth-canisters", "growth-fill"].flatMap((name) => [`${name}.png`, `${name}.svg`]);
      assert.deepEqual(readdirSync(join(root, resultsFolder, "plots")).sort(), names);
      const readme = readFileSync(join(root, "README.md"), "utf8");
      assert.match(readme, /^# Top\n\n<!-- bench:begin -->\n\*\*Targets\*\*: 1 of /);
      assert.match(readme, /\n<!-- bench:end -->\n\nEnd\n$/);
    }));

  test("are not written from a file that is no record", () =>
    inFolder(async (root) => {
      writeFileSync(join(root, resultsFolder, "peers.json"), '{ "suite": "growth", "measurements": [] }');
      await assert.rejects(writeReport(root), /peers\.json is no record of the suite peers/);
      writeFileSync(join(root, resultsFolder, "peers.json"), "{");
      await assert.rejects(writeReport(root), /peers\.json is not JSON/);
      assert.match(readFileSync(join(root, "README.md"), "utf8"), /\nold\n/);
    }));
});

describe("what is recorded", () => {
  const results = readResults(join(projectRoot, resultsFolder));
  const plotsFolder = join(projectRoot, resultsFolder, "plots");

  test("README.md shows it, as npm run bench:report writes it", () => {
    const readme = readProjectFile("README.md");
    const names = plotsOf(results).map(({ name }) => name);
    assert.equal(readme, replaceBetween(readme, readmeMarkers, readmeSection(results, names)));
  });

  test("without a run README.md says so", () => {
    assert.match(readmeSection(nothing, []), /^No run is recorded yet/);
  });

  test("the plots show it, as npm run bench:report draws them", async () => {
    const plots = await drawPlots(results);
    const expected = plots.flatMap(({ name }) => [`${name}.png`, `${name}.svg`]).sort();
    assert.deepEqual(existsSync(plotsFolder) ? readdirSync(plotsFolder).sort() : [], expected);
    for (const { name, svg } of plots) assert.ok(readFileSync(join(plotsFolder, `${name}.svg`), "utf8") === svg, `${name}.svg is stale`);
  });
});
