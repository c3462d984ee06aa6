import type { MetricName, Selector } from "./cells.js";

/** One side of a comparison. */
type Side = Selector;

/** A file with measurements. */
export type SuiteName = "peers" | "growth" | "import";

/** Where a figure comes from. Cells that a selector leaves open are all looked at, and the worst one counts. */
export type FigureSource =
  | {
      readonly kind: "ratio";
      readonly suite: SuiteName;
      readonly metric: MetricName;
      /** What both sides have in common. */
      readonly cell: Selector;
      readonly of: Side;
      readonly against: Side;
    }
  | { readonly kind: "value"; readonly suite: SuiteName; readonly metric: MetricName; readonly cell: Selector }
  | { readonly kind: "micro"; readonly name: string; readonly size: number; readonly metric: "nanosecondsPerOperation" | "bytesPerRange" };

export type Unit = "ratio" | "share" | "us" | "ns" | "bytes" | "megabytesPerSecond";

export interface Threshold {
  readonly bound: "atLeast" | "atMost";
  readonly value: number;
  readonly unit: Unit;
}

export interface Requirement {
  readonly threshold: Threshold;
  readonly source: FigureSource;
  /** What a share is a share of, where the target does not say it. */
  readonly note?: string;
}

/** One line of the target table. It is met when any one of its requirements is. */
export interface Target {
  readonly id: string;
  readonly what: string;
  readonly anyOf: readonly Requirement[];
}

const millionRecords = 1_000_000;
const bigmap: Side = { subject: "bigmap" };
const redisAlways: Side = { subject: "redis-always" };
const echoFloor: Side = { subject: "echo-floor" };
const rawRocksdb: Side = { subject: "raw-rocksdb" };
const etcd: Side = { subject: "etcd" };
const small: Selector = { valueBytes: 100, callers: 256, records: millionRecords };

function atLeast(value: number, unit: Unit, source: FigureSource): Requirement {
  return { threshold: { bound: "atLeast", value, unit }, source };
}

function atMost(value: number, unit: Unit, source: FigureSource): Requirement {
  return { threshold: { bound: "atMost", value, unit }, source };
}

function peersRatio(cell: Selector, against: Side, metric: MetricName = "operationsPerSecond"): FigureSource {
  return { kind: "ratio", suite: "peers", metric, cell, of: bigmap, against };
}

function line(id: string, what: string, ...anyOf: Requirement[]): Target {
  return { id, what, anyOf };
}

const ycsbTargets = (["a", "b", "c", "d", "f"] as const).map((letter) => {
  const cell: Selector = { workload: `ycsb-${letter}`, valueBytes: 1024, callers: 256, records: millionRecords };
  const name = letter.toUpperCase();
  return line(
    `ycsb-${letter}`,
    `YCSB ${name}, 1 KiB, 256 callers, against Redis always`,
    atLeast(1.3, "ratio", peersRatio(cell, redisAlways)),
  );
});

const importForms = { text: "texts", json: "JSON objects", whole: "whole rows" } as const;

const oneCaller = (workload: "get" | "put", what: string): Target => {
  const cell: Selector = { workload, valueBytes: 100, callers: 1, records: millionRecords };
  return line(
    `one-caller-${workload}`,
    `one caller: ${what} p50 against Redis always`,
    atMost(2, "ratio", peersRatio(cell, redisAlways, "p50Us")),
  );
};

const importTargets = (["text", "json", "whole"] as const).map((form) => {
  const cell: Selector = { subject: "bigmap", valueBytes: 1024, vary: { name: "rows", value: form } };
  const share = atLeast(0.7, "share", {
    kind: "ratio",
    suite: "import",
    metric: "megabytesPerSecond",
    cell,
    of: { workload: "import" },
    against: { workload: "parse" },
  });
  return line(
    `import-${form}`,
    `import of NDJSON from a file, 1 KiB entries, ${importForms[form]}`,
    atLeast(80, "megabytesPerSecond", {
      kind: "value",
      suite: "import",
      metric: "megabytesPerSecond",
      cell: { ...cell, workload: "import" },
    }),
    { ...share, note: "of parsing alone" },
  );
});

/** The targets of the hot path: ratios within one run; 2 cores, one client process, one replica process. */
export const targets: readonly Target[] = [
  line(
    "get-zipfian",
    "get, 100 B, 1 M keys, 256 callers, zipfian, against Redis through ioredis",
    atLeast(2, "ratio", peersRatio({ ...small, workload: "get", distribution: "zipfian" }, redisAlways)),
  ),
  line(
    "get-uniform",
    "get, 100 B, 1 M keys, 256 callers, uniform, against Redis through ioredis",
    atLeast(1.5, "ratio", peersRatio({ ...small, workload: "get", distribution: "uniform" }, redisAlways)),
  ),
  line(
    "put",
    "durable put, 100 B, 256 callers, against Redis always through ioredis",
    atLeast(1.5, "ratio", peersRatio({ ...small, workload: "put" }, redisAlways)),
  ),
  ...ycsbTargets,
  line(
    "get-echo-floor",
    "hot gets against the echo floor",
    atLeast(0.6, "share", peersRatio({ ...small, workload: "get", distribution: "zipfian" }, echoFloor)),
  ),
  line(
    "put-raw-rocksdb",
    "durable puts against raw RocksDB with the same fsyncs",
    atLeast(0.5, "share", peersRatio({ ...small, workload: "put" }, rawRocksdb)),
  ),
  line(
    "cold-get-raw-rocksdb",
    "cold gets (data 4 × budget) against raw RocksDB multi-get",
    atLeast(0.5, "share", {
      kind: "ratio",
      suite: "growth",
      metric: "operationsPerSecond",
      cell: { workload: "get", vary: { name: "dataTimesBudget", value: 4 } },
      of: bigmap,
      against: rawRocksdb,
    }),
  ),
  oneCaller("get", "get"),
  oneCaller("put", "durable put"),
  line("get-etcd", "get, 100 B, 256 callers, against etcd", atLeast(40, "ratio", peersRatio({ ...small, workload: "get" }, etcd))),
  line("put-etcd", "durable put, 100 B, 256 callers, against etcd", atLeast(40, "ratio", peersRatio({ ...small, workload: "put" }, etcd))),
  line(
    "canisters",
    "4,096 canisters against 1: throughput",
    atLeast(0.85, "share", {
      kind: "ratio",
      suite: "growth",
      metric: "operationsPerSecond",
      cell: bigmap,
      of: { vary: { name: "canisters", value: 4096 } },
      against: { vary: { name: "canisters", value: 1 } },
    }),
  ),
  line(
    "ring-time",
    "ring look-up, 10⁶ ranges: time",
    atMost(500, "ns", { kind: "micro", name: "ring look-up", size: 1_000_000, metric: "nanosecondsPerOperation" }),
  ),
  line(
    "ring-memory",
    "ring of 10⁶ ranges: memory a range",
    atMost(40, "bytes", { kind: "micro", name: "ring look-up", size: 1_000_000, metric: "bytesPerRange" }),
  ),
  line("fill-p99", "p99 of gets at half load while a fill runs, in the background (`background: true`)", fillP99("in the background")),
  line("fill-p99-full-speed", "p99 of gets at half load while a fill runs, at full speed", fillP99("running")),
  ...importTargets,
];

function fillP99(fill: string): Requirement {
  const cell = { ...bigmap, workload: "get", vary: { name: "fill", value: fill } } as const;
  return atMost(10_000, "us", { kind: "value", suite: "growth", metric: "p99Us", cell });
}
