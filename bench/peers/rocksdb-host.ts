// RocksDB and a driver in one process, beside the one that drives the others: what RocksDB does behind its last answer, in
// threads of its own, is not to be counted as theirs. A program of its own; `rocksdb-subject.ts` starts it and sends it loads.
import type { RunPlan } from "../../src/cli/bench/load-generator.js";
import { RecordLog } from "../../src/cli/bench/record-log.js";
import type { RunFigures } from "../../src/cli/bench/recorder.js";
import { Records } from "../../src/cli/bench/records.js";
import { openRocksEngine } from "../../src/storage/rocksdb-engine.js";
import { RoadLoader } from "../driver/measure.js";
import { RocksRoad } from "./rocksdb-road.js";

export interface HostSettings {
  readonly folder: string;
  readonly memoryBytes: number;
  readonly valueBytes: number;
  readonly records: number;
}

export type HostRequest = { readonly load: number } | { readonly run: RunPlan; readonly seed: number };
export type HostAnswer = { readonly figures: RunFigures } | { readonly error: string };

async function serve({ folder, memoryBytes, valueBytes, records: count }: HostSettings): Promise<void> {
  const engine = await openRocksEngine(folder, { memoryBytes });
  const records = new Records(valueBytes);
  const loader = new RoadLoader(new RocksRoad(engine), records, new RecordLog(count));
  const { signal } = new AbortController();
  const answer = (message: HostAnswer): void => void process.send?.(message);
  process.on("message", (request: HostRequest) => {
    const work = "load" in request ? loader.load(request.load, signal) : loader.run(request.run, request.seed, signal, undefined);
    work.then(
      (figures) => answer({ figures }),
      (error: unknown) => answer({ error: String(error) }),
    );
  });
  // The channel to the parent is gone, and with it all that could be asked.
  process.once("disconnect", () => void engine.close().finally(() => process.exit()));
  process.send?.("ready");
}

await serve(JSON.parse(process.argv[2] ?? "{}") as HostSettings);
