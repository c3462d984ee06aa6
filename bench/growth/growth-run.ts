import { PipeRoad } from "../../src/cli/bench/pipe-road.js";
import { preload } from "../../src/cli/bench/preload.js";
import { RecordLog } from "../../src/cli/bench/record-log.js";
import type { Records } from "../../src/cli/bench/records.js";
import type { BenchRoad } from "../../src/cli/bench/road.js";
import { startBigMapServer, type BigMapServer, type BigMapServerOptions } from "../driver/bigmap-server.js";
import { measure, RoadLoader, type Cell, type Target } from "../driver/measure.js";
import type { Measurement, Settings, SubjectName, SubjectRecord } from "../driver/results.js";
import type { Workbench } from "../driver/workbench.js";
import { perSecondText } from "../peers/table.js";
import type { GrowthSettings } from "./settings.js";

/** What a scenario works with and reports to. */
export interface GrowthRun {
  readonly bench: Workbench;
  readonly settings: GrowthSettings;
  readonly signal: AbortSignal;
  readonly measurements: Measurement[];
  readonly subjects: Partial<Record<SubjectName, SubjectRecord>>;
  say(line: string): void;
  /** Closed when the scenario has ended, well or not: a client that is not closed keeps this process alive. */
  readonly clients: { close(): Promise<void> }[];
}

/** Measures one dimension of growth and resolves to what is to be known about its settings. */
export type Scenario = (run: GrowthRun) => Promise<Settings>;

export const mapName = "growth";

/** A server of its own with one map, and this process as its client. */
export interface BigMapStage {
  readonly server: BigMapServer;
  readonly road: BenchRoad;
}

export async function openStage(
  run: GrowthRun,
  options: Partial<BigMapServerOptions>,
  map: Parameters<BigMapServer["client"]["createMap"]>[1],
): Promise<BigMapStage> {
  const server = await startBigMapServer(run.bench, { memoryBytes: run.settings.memoryBytes, ...options });
  run.clients.push(server.client);
  await server.client.createMap(mapName, map);
  return { server, road: new PipeRoad(server.client, mapName) };
}

/** With records 0 up to `present`. */
export function targetOf({ server, road }: BigMapStage, records: Records, present: number): Target {
  const log = new RecordLog(present);
  return { subject: "bigmap", loader: new RoadLoader(road, records, log), serverPids: [server.pid], log };
}

/** Writes records `start` up to `start + count`, in batches of up to 500, 8 in flight; entries a second. */
export async function load(run: GrowthRun, { road }: BigMapStage, records: Records, count: number, start = 0): Promise<number> {
  const { operationsPerSecond } = await preload(road, records, count, { signal: run.signal, recordAt: (i) => start + i });
  return operationsPerSecond;
}

/** One point of a growth curve: who is measured at which value of the dimension. */
export interface GrowthPoint {
  readonly target: Target;
  readonly value: number | string;
  /** Done around each measurement: a background load, say. */
  readonly around?: (measured: () => Promise<Measurement>) => Promise<Measurement>;
  /** Where the machine does not come to rest, because something is to run beside the measurement. */
  readonly isNeverQuiet?: boolean;
}

/** Every point in every cell, in turns; who comes first changes from round to round. */
export async function measureInRounds(run: GrowthRun, name: string, cells: readonly Cell[], points: readonly GrowthPoint[]): Promise<void> {
  const { settings, signal } = run;
  for (let round = 1; round <= settings.rounds; round++) {
    for (const cell of cells) {
      const first = round % points.length;
      const texts: string[] = [];
      for (const point of [...points.slice(first), ...points.slice(0, first)]) {
        signal.throwIfAborted();
        const restSeconds = point.isNeverQuiet === true ? 0 : settings.restSeconds;
        const vary = { name, value: point.value };
        const measured = (): Promise<Measurement> => measure(point.target, cell, { ...settings, restSeconds, round, signal, vary });
        const measurement = await (point.around?.(measured) ?? measured());
        run.measurements.push(measurement);
        texts.push(`${point.target.subject} ${point.value}: ${perSecondText(measurement.operationsPerSecond)}`);
      }
      run.say(`  ${name}, round ${round} of ${settings.rounds}, ${cell.workload}: ${texts.join(", ")}`);
    }
  }
}

export function describeBigMap({ subjects, settings }: Pick<GrowthRun, "subjects" | "settings">): void {
  subjects.bigmap = {
    description: "BigMap through its own client: one connection, operations of one turn of the event loop travel together",
    settings: {
      server: "bigmap start, one process a point of a curve",
      durability: "fsync",
      memoryBytes: settings.memoryBytes,
      replicas: 1,
      client: "BigMap.connect, defaults; keys utf8, values bytes",
    },
  };
}
