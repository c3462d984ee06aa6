import { BigMapError } from "../base/errors.js";
import type { MetaStore } from "./meta-store.js";
import { decodeReplicaRecord, encodeReplicaRecord } from "./record-codec.js";
import { replicaRecordKey } from "./record-keys.js";
import type { ReplicaRecord } from "./records.js";

const attemptsMax = 16;

/** Writes the replica's record, so that rings can name its address. Idempotent. Errors: those of the meta store. */
export async function registerReplica(meta: MetaStore, record: ReplicaRecord): Promise<void> {
  const key = replicaRecordKey(record.replicaId);
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const stored = await meta.get(key);
    if (stored !== undefined && decodeReplicaRecord(stored.value).address === record.address) return;
    const puts = [{ key, value: encodeReplicaRecord(record) }];
    const { committed } = await meta.commit({ compares: [{ key, revision: stored?.revision ?? 0 }], puts, deletes: [] });
    if (committed) return;
  }
  throw new BigMapError("UNAVAILABLE", `The record of replica ${record.replicaId} kept changing`);
}
