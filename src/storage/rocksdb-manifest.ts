import { readFile } from "node:fs/promises";
import { join } from "node:path";
import protobuf from "protobufjs";
import { walkLog } from "./log-records.js";

/**
 * Fields of the manifest's records (RocksDB's `db/version_edit.h` and `.cc`): tag varint | value. Those named here come first, and are
 * numbers but for the comparator; fields with tags from 2^13 on are bytes with a length, which a reader may leave out.
 */
const tag = { comparator: 1, logNumber: 2, nextFile: 3, lastSequence: 4, previousLog: 9, leastLog: 10, maxColumnFamily: 203 } as const;
const numberTags: readonly number[] = [tag.logNumber, tag.nextFile, tag.lastSequence, tag.previousLog, tag.leastLog, tag.maxColumnFamily];
const firstIgnorableTag = 2 ** 13;

/**
 * The number of the first log that RocksDB replays when it opens the store in `folder`: what stands in those before is in tables. 0 where
 * that cannot be told: in a new store, or where the manifest is damaged, of which RocksDB speaks itself.
 */
export async function firstReplayedLog(folder: string): Promise<number> {
  let first = 0;
  const onRecord = (head: Uint8Array): void => {
    first = Math.max(first, firstLogOf(head));
  };
  try {
    const name = await readFile(join(folder, "CURRENT"), "utf8");
    await walkLog(join(folder, name.trimEnd()), { onRecord, onGap: () => undefined });
  } catch {
    return 0;
  }
  return first;
}

function firstLogOf(edit: Uint8Array): number {
  const reader = protobuf.Reader.create(edit);
  let first = 0;
  while (reader.pos < reader.len) {
    const field = reader.uint32();
    if (numberTags.includes(field)) {
      const value = reader.uint32();
      if (field === tag.logNumber || field === tag.leastLog) first = Math.max(first, value);
    } else if (field === tag.comparator || field >= firstIgnorableTag) reader.skip(reader.uint32());
    else break;
  }
  return first;
}
