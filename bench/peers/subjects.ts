import { bigmapSubject, bigmapUnarySubject } from "./bigmap-subject.js";
import { echoSubject } from "./echo-subject.js";
import { etcdSubject } from "./etcd-subject.js";
import { nodeRedisSubject, redisAlwaysSubject, redisEverysecSubject } from "./redis-subjects.js";
import { rocksdbSubject } from "./rocksdb-subject.js";
import type { SubjectKind } from "./subject.js";

/** In the order of the tables. */
export const subjectKinds: readonly SubjectKind[] = [
  bigmapSubject,
  bigmapUnarySubject,
  redisAlwaysSubject,
  redisEverysecSubject,
  nodeRedisSubject,
  etcdSubject,
  echoSubject,
  rocksdbSubject,
];
