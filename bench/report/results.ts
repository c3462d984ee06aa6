/** The shape of what the benchmarks record under `bench/results/`. Durations are in the unit that a name ends with. */

export const subjectNames = [
  "bigmap",
  "bigmap-unary",
  "redis-always",
  "redis-everysec",
  "redis-always-node-redis",
  "etcd",
  "echo-floor",
  "raw-rocksdb",
] as const;
export type SubjectName = (typeof subjectNames)[number];

export type WorkloadName =
  | "get"
  | "put"
  | "delete"
  | "batch-get-100"
  | "batch-put-100"
  | "scan"
  | "ycsb-a"
  | "ycsb-b"
  | "ycsb-c"
  | "ycsb-d"
  | "ycsb-f"
  | "load"
  | "import"
  | "parse";

/** Where and with what a run was made. */
export interface About {
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly commit: string;
  readonly machine: {
    readonly cpuModel: string;
    readonly cores: number;
    readonly memoryBytes: number;
    readonly kernel: string;
    readonly disk: string;
  };
  readonly versions: Readonly<Record<string, string>>;
  /** What the driver itself costs, per operation. */
  readonly driverMicroseconds?: number;
}

export type SettingValue = string | number | boolean | null | readonly SettingValue[] | { readonly [name: string]: SettingValue };
export type Settings = Readonly<Record<string, SettingValue>>;

export type SubjectRecord = { readonly description: string; readonly settings: Settings } | { readonly leftOut: string };

/** One subject under one load in one round. */
export interface Measurement {
  readonly subject: SubjectName;
  readonly workload: WorkloadName;
  readonly distribution: string;
  readonly valueBytes: number;
  readonly callers: number;
  readonly records: number;
  readonly round: number;
  /** The dimension of growth that this measurement is a point of. */
  readonly vary?: { readonly name: string; readonly value: number | string };
  readonly operations: number;
  readonly elapsedMs: number;
  readonly operationsPerSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
  readonly clientCpuSecondsPerMillion: number;
  readonly serverCpuSecondsPerMillion: number;
  readonly serverResidentBytes: number;
  /** Of keys and values; where entries are counted by the byte. */
  readonly bytesPerSecond?: number;
  readonly errors: number;
  readonly wrong: number;
}

export interface SuiteResults {
  readonly suite: "peers" | "growth";
  readonly about: About;
  readonly subjects: Readonly<Partial<Record<SubjectName, SubjectRecord>>>;
  readonly settings: Settings;
  readonly measurements: readonly Measurement[];
}

/** One micro benchmark at one size. */
export interface MicroRow {
  readonly name: string;
  readonly size: number;
  readonly operationsPerSecond: number;
  readonly nanosecondsPerOperation: number;
  readonly p99Nanoseconds: number;
  readonly samples: number;
  readonly bytesPerRange?: number;
}

export interface MicroResults {
  readonly suite: "micro";
  readonly about: About;
  readonly rows: readonly MicroRow[];
}

/** Imports beside parsing alone; `vary` names the form of the rows. */
export interface ImportResults {
  readonly suite: "import";
  readonly measurements: readonly Measurement[];
}

/** What is recorded so far; a file that is not there is undefined. */
export interface AllResults {
  readonly peers: SuiteResults | undefined;
  readonly growth: SuiteResults | undefined;
  readonly import: ImportResults | undefined;
  readonly micro: MicroResults | undefined;
}
