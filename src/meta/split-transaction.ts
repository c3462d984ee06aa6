import type { CanisterId } from "../base/ids.js";
import { cutRange } from "../ring/hash-range.js";
import type { Token } from "../ring/token.js";
import type { Revised } from "./map-ring.js";
import type { MetaTransaction } from "./meta-store.js";
import { encodeCanisterRecord } from "./record-codec.js";
import { canisterRecordKey } from "./record-keys.js";
import type { CanisterRecord } from "./records.js";

export interface PlannedSplit {
  /** Holds only while the parent's record is the one that was read and the child has none. */
  readonly transaction: MetaTransaction;
  readonly parent: CanisterRecord;
  readonly child: CanisterRecord;
}

/**
 * The one atomic step of a split: the parent keeps [start, cut), the child gets [cut, end), both with the next epoch.
 * `sequence` is the parent's last update. Errors: INVALID_ARGUMENT where the cut leaves one half without tokens.
 */
export function planSplit(parent: Revised<CanisterRecord>, childId: CanisterId, cut: Token, sequence: number): PlannedSplit {
  const before = parent.record;
  const [left, right] = cutRange(before.range, cut);
  const after: CanisterRecord = { ...before, range: left, epoch: before.epoch + 1 };
  const origin = { parentId: before.canisterId, sequence };
  const child: CanisterRecord = { ...after, canisterId: childId, range: right, origin };
  const records = [after, child];
  const transaction: MetaTransaction = {
    compares: [
      { key: canisterRecordKey(before.canisterId), revision: parent.revision },
      { key: canisterRecordKey(childId), revision: 0 },
    ],
    puts: records.map((record) => ({ key: canisterRecordKey(record.canisterId), value: encodeCanisterRecord(record) })),
    deletes: [],
  };
  return { transaction, parent: after, child };
}
