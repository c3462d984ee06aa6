/** Rows written and read as text: a key's and a value's characters are its bytes (latin1). */
import assert from "node:assert/strict";
import { BigMapError, type ErrorCode } from "../../src/base/errors.js";
import type { KeyRange, RowPage, StorageEngine } from "../../src/storage/storage-engine.js";
import { WriteBatch } from "../../src/storage/write-batch.js";

export const wholeRange: KeyRange = { start: Buffer.alloc(0), end: Buffer.alloc(32, 0xff) };
export const wholePage = { maxRows: 1_000_000, maxBytes: 2 ** 30 };

export function bytes(text: string): Buffer {
  return Buffer.from(text, "latin1");
}

export function batchOf(puts: Readonly<Record<string, string>>, deletes: readonly string[] = []): WriteBatch {
  const batch = new WriteBatch();
  for (const [key, value] of Object.entries(puts)) batch.put(bytes(key), bytes(value));
  for (const key of deletes) batch.delete(bytes(key));
  return batch;
}

export async function textOf(engine: StorageEngine, ...keys: string[]): Promise<(string | undefined)[]> {
  const values = await engine.getMany(keys.map(bytes));
  return values.map((value) => (value === undefined ? undefined : Buffer.from(value).toString("latin1")));
}

export function rowsOf(page: RowPage): [string, string][] {
  return page.keys.map((key, i) => [Buffer.from(key).toString("latin1"), Buffer.from(page.values[i] as Uint8Array).toString("latin1")]);
}

export async function readAll(engine: StorageEngine, range: KeyRange = wholeRange): Promise<[string, string][]> {
  const reader = engine.openReader(range);
  try {
    const page = await reader.next(wholePage);
    assert.equal(page.finished, true);
    return rowsOf(page);
  } finally {
    reader.close();
  }
}

export function hasCode(code: ErrorCode): (error: unknown) => boolean {
  return (error) => error instanceof BigMapError && error.code === code;
}
