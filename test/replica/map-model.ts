import assert from "node:assert/strict";
import fc from "fast-check";
import { BigMapError } from "../../src/base/errors.js";
import type { MapHandle } from "../../src/client/map-handle.js";

/** One operation of a burst, and what the model says about it. */
export type ModelOperation =
  | { readonly kind: "get"; readonly key: string }
  | { readonly kind: "has"; readonly key: string }
  | { readonly kind: "put"; readonly key: string; readonly value: string; readonly ifAbsent: boolean }
  | { readonly kind: "replace"; readonly key: string; readonly value: string; readonly staleBy: number }
  | { readonly kind: "delete"; readonly key: string };

interface ModelEntry {
  readonly value: string;
  readonly version: number;
}

/** A plain Map that says what a BigMap must answer. Versions come from the answers, and may only grow. */
export class MapModel {
  readonly entries = new Map<string, ModelEntry>();
  #largestVersion = new Map<string, number>();

  /** Issues all operations in one turn and checks every answer against what one after the other would give. */
  async runBurst(map: MapHandle<string, string>, operations: readonly ModelOperation[]): Promise<void> {
    const running = operations.map((operation) => settle(this.#issue(map, operation)));
    const answers = await Promise.all(running);
    operations.forEach((operation, i) => this.#check(operation, answers[i] as Settled));
  }

  #issue(map: MapHandle<string, string>, operation: ModelOperation): Promise<unknown> {
    switch (operation.kind) {
      case "get":
        return map.getEntry(operation.key);
      case "has":
        return map.has(operation.key);
      case "delete":
        return map.delete(operation.key);
      case "put":
        return map.put(operation.key, operation.value, operation.ifAbsent ? { ifAbsent: true } : {});
      case "replace":
        return map.put(operation.key, operation.value, { ifVersion: this.#versionFor(operation) });
    }
  }

  /** The version of the last known entry, or one that never was. */
  #versionFor(operation: { readonly key: string; readonly staleBy: number }): number {
    return (this.entries.get(operation.key)?.version ?? 0) + operation.staleBy;
  }

  #check(operation: ModelOperation, answer: Settled): void {
    const entry = this.entries.get(operation.key);
    switch (operation.kind) {
      case "get":
        assert.equal((answer.value as ModelEntry | undefined)?.value, entry?.value, `get ${operation.key}`);
        if (entry !== undefined) assert.equal((answer.value as ModelEntry).version, entry.version, `version of ${operation.key}`);
        return;
      case "has":
        assert.equal(answer.value, entry !== undefined, `has ${operation.key}`);
        return;
      case "delete":
        assert.equal(answer.value, entry !== undefined, `delete ${operation.key}`);
        this.entries.delete(operation.key);
        return;
      case "put":
        this.#checkPut(operation, answer, !operation.ifAbsent || entry === undefined);
        return;
      case "replace":
        this.#checkReplace(operation, answer);
    }
  }

  /** Whether the version that was named still held depends on what came before it in the burst: the answer must agree. */
  #checkReplace(operation: { readonly key: string; readonly value: string }, answer: Settled): void {
    const entry = this.entries.get(operation.key);
    if (answer.error === undefined) assert.ok(entry !== undefined, `a replace of the absent ${operation.key} was applied`);
    else assert.equal(answer.error.currentVersion, entry?.version ?? 0, `current version of ${operation.key}`);
    this.#checkPut(operation, answer, answer.error === undefined);
  }

  #checkPut(operation: { readonly key: string; readonly value: string }, answer: Settled, applies: boolean): void {
    if (!applies) {
      assert.equal(answer.error?.code, "CONDITION_FAILED", `put ${operation.key}`);
      return;
    }
    assert.equal(answer.error, undefined, `put ${operation.key}`);
    const version = answer.value as number;
    assert.ok(version > (this.#largestVersion.get(operation.key) ?? 0), `versions of ${operation.key} grow`);
    this.#largestVersion.set(operation.key, version);
    this.entries.set(operation.key, { value: operation.value, version });
  }

  /** Every entry, the scan and the counts agree. */
  async checkAll(map: MapHandle<string, string>, keys: readonly string[], overheadBytes: number): Promise<void> {
    const values = await map.getMany(keys);
    keys.forEach((key, i) => assert.equal(values[i], this.entries.get(key)?.value, `get ${key}`));
    const scanned = new Map<string, string>();
    for await (const { key, value } of map.scan()) {
      assert.ok(!scanned.has(key), `${key} was scanned twice`);
      scanned.set(key, value);
    }
    assert.deepEqual(
      new Map([...scanned].sort()),
      new Map([...this.entries].map(([key, { value }]): [string, string] => [key, value]).sort()),
    );
    const stats = await map.stats();
    const bytes = [...this.entries].reduce(
      (sum, [key, { value }]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value) + overheadBytes,
      0,
    );
    assert.deepEqual({ entries: stats.entries, bytes: stats.bytes }, { entries: this.entries.size, bytes });
  }
}

interface Settled {
  readonly value: unknown;
  readonly error: BigMapError | undefined;
}

async function settle(work: Promise<unknown>): Promise<Settled> {
  try {
    return { value: await work, error: undefined };
  } catch (error) {
    assert.ok(error instanceof BigMapError, String(error));
    return { value: undefined, error };
  }
}

/** Every kind of operation on such keys and values. */
export function modelOperations(key: fc.Arbitrary<string>, value: fc.Arbitrary<string>): fc.Arbitrary<ModelOperation> {
  return fc.oneof(
    fc.record({ kind: fc.constant("get" as const), key }),
    fc.record({ kind: fc.constant("has" as const), key }),
    fc.record({ kind: fc.constant("put" as const), key, value, ifAbsent: fc.boolean() }),
    fc.record({ kind: fc.constant("replace" as const), key, value, staleBy: fc.constantFrom(0, 0, 7) }),
    fc.record({ kind: fc.constant("delete" as const), key }),
  );
}
