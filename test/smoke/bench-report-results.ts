/** Invented results for the tests of the bench's report: round numbers, of which the medians and ratios are known. */
import type { About, Measurement, SubjectName } from "../../bench/report/results.js";

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
