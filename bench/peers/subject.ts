import type { RunPlan } from "../../src/cli/bench/load-generator.js";
import type { RecordLog } from "../../src/cli/bench/record-log.js";
import type { Records } from "../../src/cli/bench/records.js";
import type { BenchRoad } from "../../src/cli/bench/road.js";
import { RoadLoader, type Loader, type RunWorkload } from "../driver/measure.js";
import type { Settings, SubjectName } from "../driver/results.js";
import type { Workbench } from "../driver/workbench.js";

/** What a subject is opened with. */
export interface SubjectOptions {
  readonly bench: Workbench;
  readonly valueBytes: number;
  /** Main memory for those that have such a setting. */
  readonly memoryBytes: number;
  /** Servers that more than one subject speaks to, by their name: the first who needs one starts it. */
  readonly servers: SharedServers;
  readonly records: Records;
  readonly log: RecordLog;
}

/** A store that is measured, behind one client. */
export interface Subject {
  readonly loader: Loader;
  readonly serverPids: readonly number[];
  /** Everything that was set, in the words of what it was set on. */
  readonly settings: Settings;
  readonly adapt?: (plan: RunPlan) => RunPlan;
  /** Closes the client; servers are closed after all clients. */
  close?(): Promise<void>;
}

/** A subject that is spoken to from this process. */
export function throughRoad(road: BenchRoad, { records, log }: SubjectOptions): Pick<Required<Subject>, "loader" | "close"> {
  return { loader: new RoadLoader(road, records, log), close: () => road.close() };
}

export interface SubjectKind {
  readonly name: SubjectName;
  readonly description: string;
  /** Subjects with one store see the same records: they are loaded once. Undefined: it stores nothing. */
  readonly store: string | undefined;
  /** The Debian package, and the program in it, that the subject needs. */
  readonly needs?: { readonly program: string; readonly package: string };
  readonly supports: (workload: RunWorkload) => boolean;
  open(options: SubjectOptions): Promise<Subject>;
}

interface Server {
  close(): Promise<void>;
}

/** Servers by name; closed together, the last first. */
export class SharedServers {
  readonly #servers = new Map<string, Promise<Server>>();

  get<T extends Server>(name: string, start: () => Promise<T>): Promise<T> {
    const known = this.#servers.get(name) as Promise<T> | undefined;
    if (known !== undefined) return known;
    const started = start();
    this.#servers.set(name, started);
    return started;
  }

  async close(): Promise<void> {
    const servers = [...this.#servers.values()].reverse();
    this.#servers.clear();
    for (const server of servers) await server.then((started) => started.close());
  }
}

export const everything = (): boolean => true;
