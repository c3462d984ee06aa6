import type { BigMapError } from "../../base/errors.js";
import type { Records } from "./records.js";

/** Writes a batch; resolves to one result for each entry, undefined where it was written. */
export type BatchWriter = (entries: readonly { key: string; value: Uint8Array }[]) => Promise<readonly (BigMapError | undefined)[]>;

const batchMaxEntries = 500;
const batchMaxBytes = 512 * 1024;
const batchesInFlight = 8;

/** Writes records 0 up to `count`. Rejects with the first error. */
export async function preload(
  count: number,
  records: Records,
  write: BatchWriter,
  signal: AbortSignal,
  onProgress: (done: number) => void,
): Promise<void> {
  const batchEntries = Math.max(1, Math.min(batchMaxEntries, Math.floor(batchMaxBytes / (records.valueBytes + 16))));
  let next = 0;
  let done = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      signal.throwIfAborted();
      const first = next;
      next = Math.min(count, first + batchEntries);
      const failed = (await write(batchOf(records, first, next))).find((error) => error !== undefined);
      if (failed !== undefined) throw failed;
      done += Math.min(count, first + batchEntries) - first;
      onProgress(done);
    }
  };
  await Promise.all(Array.from({ length: batchesInFlight }, worker));
}

function batchOf(records: Records, first: number, next: number): { key: string; value: Uint8Array }[] {
  return Array.from({ length: next - first }, (_, i) => ({ key: records.keyOf(first + i), value: records.valueOf(first + i) }));
}
