import { statfsSync } from "node:fs";
import { formatSizeBytes } from "../../src/base/bytes.js";
import { systemClock } from "../../src/base/clock.js";
import { assert, BigMapError } from "../../src/base/errors.js";
import { limits } from "../../src/base/limits.js";
import { seededRandom } from "../../src/base/random.js";
import { BigMap } from "../../src/client/bigmap.js";
import type { MapHandle } from "../../src/client/map-handle.js";
import { NumberedEntries } from "./numbered-entries.js";
import type { RunReport } from "./record.js";
import { ServerProcess } from "./server-process.js";

export interface RealCapOptions {
  readonly seed: number;
  /** Keys, values and the overhead that is counted for each entry, together. */
  readonly sizeBytes: number;
  readonly capBytes: number;
  readonly memoryBytes: number;
  readonly sampleKeys: number;
  readonly minCanisters: number;
  readonly dataDir: string;
  readonly log: (line: string) => void;
}

const mapName = "large";
const entryBytes = 1024;
const entriesPerCall = 1_000;
const loaders = 4;
const observeEveryMs = 1_000;
const residentReserveBytes = 1024 ** 3;
/** The engine rewrites files while it compacts them. */
const diskRatio = 2.2;

/** Fills one map, watching the caps and the server's memory, then reads a sample back. */
export async function runRealCap(options: RealCapOptions): Promise<RunReport> {
  assertDisk(options);
  const { dataDir, capBytes, memoryBytes } = options;
  const server = await ServerProcess.start({ dataDir, canisterCap: String(capBytes), memory: String(memoryBytes) });
  assert(server !== undefined, "a server without a crash point runs once it was started");
  try {
    const bigmap = await BigMap.connect({ endpoints: [server.address], timeoutMs: 120_000 });
    const report = await new RealCapRun(options, server, bigmap).all();
    await bigmap.close();
    return report;
  } finally {
    await server.stop();
  }
}

class RealCapRun {
  readonly #options: RealCapOptions;
  readonly #server: ServerProcess;
  readonly #bigmap: BigMap;
  readonly #map: MapHandle;
  readonly #entries: NumberedEntries;
  readonly #violations: string[] = [];
  readonly #startedMs = systemClock.monotonicMs();
  #written = 0;
  #highestResidentBytes = 0;
  #fullestBytes = 0;

  constructor(options: RealCapOptions, server: ServerProcess, bigmap: BigMap) {
    this.#options = options;
    this.#server = server;
    this.#bigmap = bigmap;
    this.#map = bigmap.map(mapName);
    this.#entries = new NumberedEntries(options.seed, entryBytes - limits.entryOverheadBytes);
  }

  async all(): Promise<RunReport> {
    const { sizeBytes, sampleKeys, minCanisters } = this.#options;
    // One canister at first: what there is in the end came from splits.
    await this.#bigmap.createMap(mapName, { initialCanisters: 1 });
    const count = Math.ceil(sizeBytes / entryBytes);
    const loadMs = await timed(() => this.#whileObserved(() => this.#load(count)));
    await this.#observe();
    const readMs = await timed(() => this.#whileObserved(() => this.#readSample(count)));
    await this.#observe();
    const { canisters } = await this.#bigmap.topology(mapName);
    const stats = await this.#map.stats();
    if (stats.entries !== count || stats.bytes !== count * entryBytes) {
      this.#violations.push(`the map counts ${stats.entries} entries, ${stats.bytes} B; written were ${count}, ${count * entryBytes} B`);
    }
    if (canisters.length < minCanisters) this.#violations.push(`only ${canisters.length} canisters, fewer than ${minCanisters}`);
    const { seed: _, dataDir: __, log: ___, ...settings } = this.#options;
    const figures = {
      entries: count,
      canisters: canisters.length,
      fullestCanister: formatSizeBytes(this.#fullestBytes),
      highestResident: formatSizeBytes(this.#highestResidentBytes),
      loadSeconds: Math.round(loadMs / 1000),
      entriesPerSecond: Math.round((count / loadMs) * 1000),
      sampledKeysPerSecond: Math.round((sampleKeys / readMs) * 1000),
    };
    return { settings, figures, violations: this.#violations };
  }

  async #load(count: number): Promise<void> {
    let next = 0;
    const loader = async (): Promise<void> => {
      while (next < count) {
        const first = next;
        const end = Math.min(count, first + entriesPerCall);
        next = end;
        const outcomes = await this.#map.putMany(this.#entries.slice(first, end));
        const failed = outcomes.find((outcome) => !outcome.ok);
        if (failed?.ok === false) throw failed.error;
        this.#written += end - first;
      }
    };
    await Promise.all(Array.from({ length: loaders }, loader));
  }

  async #readSample(count: number): Promise<void> {
    const random = seededRandom(this.#options.seed);
    let wrong = 0;
    for (let read = 0; read < this.#options.sampleKeys; read += entriesPerCall) {
      const numbers = Array.from({ length: Math.min(entriesPerCall, this.#options.sampleKeys - read) }, () => random.below(count));
      const values = await this.#map.getMany(numbers.map((number) => this.#entries.keyOf(number)));
      wrong += numbers.filter((number, i) => !this.#entries.isValueOf(number, values[i])).length;
    }
    if (wrong > 0) this.#violations.push(`${wrong} of ${this.#options.sampleKeys} sampled entries were read back wrong`);
  }

  /** Looks at the caps and at the memory about once a second while the work goes on. */
  async #whileObserved(work: () => Promise<void>): Promise<void> {
    let observation = Promise.resolve();
    const timer = setInterval(() => {
      observation = observation.then(() => this.#observe());
    }, observeEveryMs);
    try {
      await work();
    } finally {
      clearInterval(timer);
      await observation;
    }
  }

  async #observe(): Promise<void> {
    const { capBytes, memoryBytes, log } = this.#options;
    const { canisters } = await this.#bigmap.topology(mapName);
    for (const { canisterId, bytes } of canisters) {
      this.#fullestBytes = Math.max(this.#fullestBytes, bytes);
      if (bytes > capBytes) this.#violations.push(`canister ${canisterId} holds ${bytes} B, over its cap`);
    }
    const residentBytes = this.#server.memory()?.highestBytes ?? 0;
    const isOver = residentBytes > memoryBytes + residentReserveBytes;
    if (isOver && this.#highestResidentBytes <= memoryBytes + residentReserveBytes) {
      this.#violations.push(`the server's resident memory is over the budget + 1 GiB: ${formatSizeBytes(residentBytes)}`);
    }
    this.#highestResidentBytes = Math.max(this.#highestResidentBytes, residentBytes);
    const seconds = Math.round((systemClock.monotonicMs() - this.#startedMs) / 1000);
    const progress = `${seconds} s: ${formatSizeBytes(this.#written * entryBytes)} written, ${canisters.length} canisters`;
    log(`${progress}, fullest ${formatSizeBytes(this.#fullestBytes)}, resident at most ${formatSizeBytes(residentBytes)}`);
  }
}

async function timed(work: () => Promise<void>): Promise<number> {
  const startedMs = systemClock.monotonicMs();
  await work();
  return systemClock.monotonicMs() - startedMs;
}

function assertDisk({ dataDir, sizeBytes }: RealCapOptions): void {
  const { bavail, bsize } = statfsSync(dataDir);
  const neededBytes = sizeBytes * diskRatio;
  if (bavail * bsize < neededBytes) {
    const message = `This run needs ${formatSizeBytes(neededBytes)} of disk, ${formatSizeBytes(bavail * bsize)} are free`;
    throw new BigMapError("DISK_FULL", message, { hint: "Choose a smaller --size, or another folder for temporary files (TMPDIR)." });
  }
}
