import assert from "node:assert/strict";
import { after } from "node:test";
import type { Clock } from "../../src/base/clock.js";
import type { FaultPoints } from "../../src/base/fault-points.js";
import { limits } from "../../src/base/limits.js";
import { silentLogger } from "../../src/base/logger.js";
import { CollectingSink, operationCondition, operationKind, resultStatus, type OperationResult } from "../../src/base/operation-batch.js";
import { OperationBatchBuilder } from "../../src/base/operation-batch-builder.js";
import { BigMap } from "../../src/client/bigmap.js";
import type { CanisterStatus } from "../../src/ring/topology.js";
import { Node } from "../../src/server/node.js";
import { MemoryDisk } from "../../src/storage/memory-disk.js";
import { MemoryEngine } from "../../src/storage/memory-engine.js";
import type { StorageEngine } from "../../src/storage/storage-engine.js";
import { settle } from "../../src/testing/manual-clock.js";
import { entriesOf } from "../base/scan-entries.js";
import { recount } from "../check/recount.js";

/** One operation of a batch, by its key. */
export interface Operation {
  readonly operation: number;
  readonly key: string;
  readonly value?: Buffer;
  readonly ifVersion?: number;
}

export const get = (key: string): Operation => ({ operation: operationKind.get, key });
export const has = (key: string): Operation => ({ operation: operationKind.has, key });
export const put = (key: string, value: string | Buffer): Operation => ({ operation: operationKind.put, key, value: Buffer.from(value) });
export const remove = (key: string): Operation => ({ operation: operationKind.delete, key });
export const putIfAbsent = (key: string, value: string): Operation => ({
  operation: operationKind.put | operationCondition.ifAbsent,
  key,
  value: Buffer.from(value),
});
export const putIfVersion = (key: string, value: string, ifVersion: number): Operation => ({
  operation: operationKind.put | operationCondition.ifVersion,
  key,
  value: Buffer.from(value),
  ifVersion,
});

export interface BatchOptions {
  readonly map?: string;
  readonly sessionId?: number;
  readonly atomic?: boolean;
  readonly deadlineMs?: number;
}

export interface NodeUnderTestOptions {
  readonly clock?: Clock;
  readonly faults?: FaultPoints;
  readonly capBytes?: number;
  readonly memoryBytes?: number;
  /** Stands between the node and the memory engine. */
  readonly wrap?: (engine: MemoryEngine) => StorageEngine;
}

/** A node on a memory disk, which outlives its crashes; operations go straight to the replica, without a client's retries. */
export class NodeUnderTest {
  readonly disk = new MemoryDisk();
  node!: Node;

  private constructor(private readonly options: NodeUnderTestOptions) {}

  static async open(options: NodeUnderTestOptions = {}): Promise<NodeUnderTest> {
    const subject = new NodeUnderTest(options);
    await subject.reopen();
    return subject;
  }

  /** Opens a node on what the disk holds. */
  async reopen(): Promise<void> {
    const { clock, faults, capBytes = limits.canisterCapMinBytes, memoryBytes = limits.memoryMinBytes, wrap } = this.options;
    const engine = new MemoryEngine(this.disk);
    const config = { dataDir: "unused", canisterCapBytes: capBytes, memoryBytes, durability: "fsync", logLevel: "silent" } as const;
    this.node = await Node.open(config, {
      logger: silentLogger,
      engine: wrap?.(engine) ?? engine,
      ...(clock === undefined ? {} : { clock }),
      ...(faults === undefined ? {} : { faults }),
    });
  }

  /** What the process held is gone, and the changes since the last fsync but the first `survivorCount`. */
  async crash(survivorCount = 0): Promise<void> {
    this.disk.crash(survivorCount);
    await this.node.close().catch(() => undefined);
    await this.reopen();
  }

  async restart(): Promise<void> {
    await this.node.close();
    await this.reopen();
  }

  /** Submits one batch in this very turn. */
  ask(operations: readonly Operation[], options: BatchOptions = {}): Promise<readonly OperationResult[]> {
    const { map = "m", sessionId = 1, atomic = false, deadlineMs = Infinity } = options;
    const builder = new OperationBatchBuilder();
    for (const { operation, key, value, ifVersion } of operations) builder.add(operation, key, value, ifVersion ?? 0);
    const sink = new CollectingSink(operations.length);
    this.node.replica.submit(builder.build(map, { atomic, deadlineMs }), sessionId, sink);
    return sink.results;
  }

  /** As `ask`, as short texts: "=VALUE", "absent", "written", "deleted", "nothing", or an error's code. */
  async answers(operations: readonly Operation[], options: BatchOptions = {}): Promise<string[]> {
    return (await this.ask(operations, options)).map(textOf);
  }

  /** A client of its own session. */
  client(sessionId: number): BigMap {
    return new BigMap(this.node.connection, { sessionId });
  }

  canisters(map = "m"): CanisterStatus[] {
    const found = this.node.replica.canisterStatuses().filter((canister) => canister.map === map);
    return found.sort((left, right) => left.range.start.high - right.range.start.high || left.range.start.low - right.range.start.low);
  }

  /** The map at rest: its canisters say exactly what a scan finds, cover the token space, and nothing is under way. */
  async expectSound(map = "m"): Promise<void> {
    const { canisters } = await this.node.connection.getTopology(map);
    const { ring } = await this.node.connection.getRing(map);
    assert.deepEqual(
      ring.entries().map(({ canisterId }) => canisterId),
      canisters.map(({ canisterId }) => canisterId),
    );
    assert.deepEqual(await recount(this.scan(map), canisters), []);
    assert.deepEqual(this.node.replica.load, { updates: 0, updateBytes: 0, reads: 0 });
  }

  async *scan(map = "m", maxEntries = 100): AsyncGenerator<{ key: Uint8Array; value: Uint8Array }> {
    let cursor: Uint8Array | undefined;
    do {
      const page = await this.node.connection.scanPage({ map, prefix: new Uint8Array(0), maxEntries, cursor, keysOnly: false });
      yield* entriesOf(page);
      cursor = page.cursor;
    } while (cursor !== undefined);
  }

  /** The map's entries, as texts. */
  async contents(map = "m"): Promise<Map<string, string>> {
    const contents = new Map<string, string>();
    for await (const { key, value } of this.scan(map)) contents.set(Buffer.from(key).toString(), Buffer.from(value).toString());
    return contents;
  }
}

export function textOf({ status, value, error }: OperationResult): string {
  if (status === resultStatus.failed) return error?.code ?? "no error";
  if (status === resultStatus.foundValue) return `=${Buffer.from(value).toString()}`;
  const names = {
    [resultStatus.found]: "found",
    [resultStatus.notFound]: "absent",
    [resultStatus.written]: "written",
    [resultStatus.deleted]: "deleted",
  };
  return names[status as keyof typeof names] ?? "nothing";
}

/** The timers of the system clock do not keep a process alive; in a server its port does, in these tests this does. */
export function keepLoopAlive(): void {
  const alive = setInterval(() => undefined, 60_000);
  after(() => clearInterval(alive));
}

/** Lets everything run that needs neither time nor a held disk. */
export async function settleAll(): Promise<void> {
  for (let i = 0; i < 30; i++) await settle();
}
