import { subjectNames, type SubjectName } from "./results.js";

/** How a subject is named and drawn, everywhere alike. Colours are Okabe and Ito's, which colour-blind readers can tell apart. */
export interface SubjectLook {
  readonly label: string;
  readonly colour: string;
  /** A name of vega's symbols: a second way to tell lines apart. */
  readonly shape: string;
  /** Floors are drawn dashed: they are limits, nobody's competitor. */
  readonly isFloor: boolean;
}

const peer = (label: string, colour: string, shape: string): SubjectLook => ({ label, colour, shape, isFloor: false });
const floor = (label: string, colour: string, shape: string): SubjectLook => ({ label, colour, shape, isFloor: true });

export const subjectLooks: Readonly<Record<SubjectName, SubjectLook>> = {
  bigmap: peer("BigMap", "#0072B2", "circle"),
  "bigmap-unary": peer("BigMap, unary gRPC", "#56B4E9", "diamond"),
  "redis-always": peer("Redis, fsync always (ioredis)", "#D55E00", "square"),
  "redis-everysec": peer("Redis, fsync every second (ioredis)", "#E69F00", "triangle-up"),
  "redis-always-node-redis": peer("Redis, fsync always (node-redis)", "#CC79A7", "triangle-down"),
  etcd: peer("etcd", "#009E73", "cross"),
  "echo-floor": floor("Echo floor (stores nothing)", "#555555", "triangle-right"),
  "raw-rocksdb": floor("Raw RocksDB, in process", "#A0A0A0", "triangle-left"),
};

/** In the order of every legend and table. */
export const subjectOrder: readonly SubjectName[] = subjectNames;

export function subjectLabel(subject: SubjectName): string {
  return subjectLooks[subject].label;
}
