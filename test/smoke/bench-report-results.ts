/** Invented results for the tests of the bench's report: round numbers, of which the medians and ratios are known. */
import type { About, AllResults, Measurement, MicroRow, SubjectName, SuiteResults } from "../../bench/report/results.js";

export const about: About = {
  startedAt: "2026-01-31T12:00:00.000Z",
  commit: "0123456789abcdef0123456789abcdef01234567",
  machine: { cpuModel: "Invented(R) Processor", cores: 2, memoryBytes: 8 * 2 ** 30, kernel: "Linux 6.0", disk: "invented disk" },
  versions: { node: "v20.0.0", redis: "7.0.0" },
  driverMicroseconds: 0.3,
};

/** Operations a second with enough callers, and the latency of one alone. */
const models: Readonly<Record<SubjectName, readonly [peak: number, aloneUs: number]>> = {
  bigmap: [600_000, 110],
  "bigmap-unary": [14_000, 250],
  "redis-always": [300_000, 80],
  "redis-everysec": [320_000, 75],
  "redis-always-node-redis": [250_000, 85],
  etcd: [8_000, 700],
  "echo-floor": [900_000, 90],
  "raw-rocksdb": [500_000, 40],
};

export const measurement = (parts: Partial<Measurement>): Measurement => ({
  subject: "bigmap",
  workload: "get",
  distribution: "uniform",
  valueBytes: 100,
  callers: 256,
  records: 1_000_000,
  round: 1,
  operations: 1_000_000,
  elapsedMs: 2_000,
  operationsPerSecond: 500_000,
  p50Us: 300,
  p99Us: 900,
  p999Us: 2_000,
  clientCpuSecondsPerMillion: 1.5,
  serverCpuSecondsPerMillion: 1.2,
  serverResidentBytes: 512 * 2 ** 20,
  errors: 0,
  wrong: 0,
  ...parts,
});

/** A measurement as the model has it, a little slower or faster by round. */
export function modelled(parts: Partial<Measurement> & { subject: SubjectName; callers: number; round: number }, share = 1): Measurement {
  const [peak, aloneUs] = models[parts.subject];
  const wobble = 1 + 0.08 * (((parts.round * 7 + parts.callers) % 5) - 2) * 0.5;
  const perSecond = (share * wobble) / (1 / peak + aloneUs / 1e6 / parts.callers);
  const p50Us = (parts.callers / perSecond) * 1e6;
  return measurement({ ...parts, operationsPerSecond: perSecond, p50Us, p99Us: p50Us * 2.2, p999Us: p50Us * 5 });
}

const threeSubjects = ["bigmap", "redis-always", "etcd"] as const;
const rounds = [1, 2, 3];

/** Curves of three subjects at three numbers of callers, and YCSB of the same three. */
export function peersMeasurements(): Measurement[] {
  return rounds.flatMap((round) =>
    threeSubjects.flatMap((subject) => [
      ...[1, 64, 256].flatMap((callers) => [
        modelled({ subject, callers, round, workload: "get" }),
        modelled({ subject, callers, round, workload: "put" }, 0.5),
      ]),
      ...(["a", "b", "c", "f"] as const).map((letter) =>
        modelled({ subject, callers: 256, round, workload: `ycsb-${letter}`, valueBytes: 1024 }, 0.7),
      ),
      modelled({ subject, callers: 256, round, workload: "ycsb-d", valueBytes: 1024, distribution: "latest" }, 0.7),
    ]),
  );
}

/** Three numbers of canisters, and a fill that does or does not run. */
export function growthMeasurements(): Measurement[] {
  const at = (round: number, workload: "get" | "put", name: string, value: number | string, share: number): Measurement =>
    modelled({ subject: "bigmap", callers: 256, round, workload, vary: { name, value } }, share);
  return rounds.flatMap((round) =>
    (["get", "put"] as const).flatMap((workload) => [
      ...[1, 16, 256].map((canisters, i) => at(round, workload, "canisters", canisters, 1 - 0.05 * i)),
      ...["none", "in the background"].map((fill, i) => at(round, workload, "fill", fill, 1 - 0.3 * i)),
    ]),
  );
}

/** Results with these measurements in them, and nothing else. */
export function invented(parts: {
  readonly peers?: readonly Measurement[];
  readonly growth?: readonly Measurement[];
  readonly micro?: readonly Partial<MicroRow>[];
}): AllResults {
  const suite = (name: "peers" | "growth", measurements: readonly Measurement[] | undefined): SuiteResults | undefined =>
    measurements === undefined ? undefined : { suite: name, about, subjects: {}, settings: {}, measurements };
  const row = { name: "ring look-up", size: 1, operationsPerSecond: 1, nanosecondsPerOperation: 1, p99Nanoseconds: 1, samples: 1 };
  const micro =
    parts.micro === undefined ? undefined : ({ suite: "micro", about, rows: parts.micro.map((one) => ({ ...row, ...one })) } as const);
  return { peers: suite("peers", parts.peers), growth: suite("growth", parts.growth), import: undefined, micro };
}
