import { RecordLog } from "../../src/cli/bench/record-log.js";
import { Records } from "../../src/cli/bench/records.js";
import { distributionOf, measure, measureLoad, type Target } from "../driver/measure.js";
import type { Measurement, SubjectName, SubjectRecord } from "../driver/results.js";
import { Workbench } from "../driver/workbench.js";
import { installMissing } from "./install.js";
import type { PlannedCell } from "./plan.js";
import { cellText, perSecondText } from "./table.js";
import { SharedServers, type Subject, type SubjectKind } from "./subject.js";
import { subjectKinds } from "./subjects.js";

export interface RunSettings {
  readonly records: number;
  readonly rounds: number;
  readonly seconds: number;
  readonly warmupSeconds: number;
  readonly restSeconds: number;
  readonly memoryBytes: number;
  readonly seed: number;
  /** On which the data is written; undefined: the system's folder for temporary files. */
  readonly dir: string | undefined;
}

export interface PeersRun {
  readonly subjects: Partial<Record<SubjectName, SubjectRecord>>;
  readonly measurements: Measurement[];
}

/** Runs the plan: for each size of values all subjects are started, loaded, measured in turns, and stopped. */
export async function runPeers(
  cells: readonly PlannedCell[],
  settings: RunSettings,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<PeersRun> {
  const run: PeersRun = { subjects: {}, measurements: [] };
  const wanted = subjectKinds.filter(({ name }) => cells.some(({ subjects }) => subjects.includes(name)));
  const present = wanted.filter((kind) => {
    const leftOut = kind.needs === undefined ? undefined : installMissing(kind.needs, say);
    if (leftOut === undefined) return true;
    run.subjects[kind.name] = { leftOut };
    say(`${kind.name} is left out: ${leftOut}`);
    return false;
  });
  for (const valueBytes of new Set(cells.map((cell) => cell.valueBytes))) {
    const ofSize = cells.filter((cell) => cell.valueBytes === valueBytes);
    const kinds = present.filter(({ name }) => ofSize.some(({ subjects }) => subjects.includes(name)));
    await new SizeRun(run, settings, valueBytes, say, signal).run(ofSize, kinds);
  }
  return run;
}

/** All that is measured with values of one size. */
class SizeRun {
  readonly #run: PeersRun;
  readonly #settings: RunSettings;
  readonly #valueBytes: number;
  readonly #say: (line: string) => void;
  readonly #signal: AbortSignal;
  readonly #targets = new Map<SubjectName, Target>();
  readonly #logs = new Map<string, RecordLog>();

  constructor(run: PeersRun, settings: RunSettings, valueBytes: number, say: (line: string) => void, signal: AbortSignal) {
    this.#run = run;
    this.#settings = settings;
    this.#valueBytes = valueBytes;
    this.#say = say;
    this.#signal = signal;
  }

  async run(cells: readonly PlannedCell[], kinds: readonly SubjectKind[]): Promise<void> {
    const bench = new Workbench(this.#settings.dir);
    const servers = new SharedServers();
    const opened: Subject[] = [];
    const records = new Records(this.#valueBytes);
    try {
      for (const kind of kinds) {
        const log = this.#logOf(kind);
        const { memoryBytes } = this.#settings;
        const subject = await kind.open({ bench, servers, valueBytes: this.#valueBytes, memoryBytes, records, log });
        opened.push(subject);
        this.#run.subjects[kind.name] = { description: kind.description, settings: subject.settings };
        this.#targets.set(kind.name, { subject: kind.name, log, ...subject });
      }
      await this.#load(kinds);
      for (let round = 1; round <= this.#settings.rounds; round++) {
        this.#say(`${this.#valueBytes} B values, round ${round} of ${this.#settings.rounds}`);
        for (const cell of cells) await this.#measureCell(cell, round);
      }
    } finally {
      await Promise.allSettled(opened.map(async (subject) => subject.close?.()));
      await servers.close();
      await bench.close();
    }
  }

  /** Subjects with one store have one log: what one of them inserts is there for the others. */
  #logOf({ store, name }: SubjectKind): RecordLog {
    const log = this.#logs.get(store ?? name) ?? new RecordLog(this.#settings.records);
    this.#logs.set(store ?? name, log);
    return log;
  }

  /** Each store once, through the first of its subjects. */
  async #load(kinds: readonly SubjectKind[]): Promise<void> {
    const loaded = new Set<string>();
    for (const kind of kinds) {
      const target = this.#targets.get(kind.name);
      if (kind.store === undefined || loaded.has(kind.store) || target === undefined) continue;
      loaded.add(kind.store);
      const measurement = await measureLoad(target, this.#valueBytes, this.#signal);
      this.#run.measurements.push(measurement);
      this.#say(`load ${kind.name}: ${perSecondText(measurement.operationsPerSecond)}`);
    }
  }

  /** Who comes first changes from round to round. */
  async #measureCell(cell: PlannedCell, round: number): Promise<void> {
    const targets = cell.subjects.map((name) => this.#targets.get(name)).filter((target) => target !== undefined);
    const first = round % Math.max(1, targets.length);
    const texts: string[] = [];
    for (const target of [...targets.slice(first), ...targets.slice(0, first)]) {
      this.#signal.throwIfAborted();
      const measurement = await measure(target, cell, { ...this.#settings, round, signal: this.#signal });
      this.#run.measurements.push(measurement);
      texts.push(`${target.subject} ${perSecondText(measurement.operationsPerSecond)}`);
    }
    this.#say(`  ${cellText({ ...cell, distribution: distributionOf(cell) })}: ${texts.join(", ")}`);
  }
}
