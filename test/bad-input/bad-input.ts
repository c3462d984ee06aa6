import type { ErrorCode } from "../../src/index.js";
import type { PipeMessage } from "./roads.js";
import type { ServerUnderTest } from "./server-under-test.js";

/** One row of the matrix: what is wrong, the code that says so, and how it is said on each road where it can be said. */
export interface BadInput {
  readonly name: string;
  readonly code: ErrorCode;
  readonly client?: (server: ServerUnderTest) => Promise<unknown>;
  /** With a stock gRPC client, which checks nothing by itself. */
  readonly stock?: (server: ServerUnderTest) => Promise<unknown>;
  /** Through the pipe of a stock gRPC client. */
  readonly pipe?: (server: ServerUnderTest) => readonly PipeMessage[];
  readonly command?: (server: ServerUnderTest) => BadCommand;
}

export interface BadCommand {
  readonly words: readonly string[];
  readonly stdin?: Uint8Array;
  readonly exitCode: number;
  /** Where the command line itself is wrong, so that no server is asked. */
  readonly code?: "USAGE";
}

export const operation = {
  get: 0,
  put: 2,
  delete: 3,
  putIfAbsent: 0x12,
  putIfVersion: 0x22,
  getIfAbsent: 0x10,
  unknownKind: 4,
  unknownCondition: 0x32,
};

/** A message of the pipe with one operation a key; every put has the value, so that the columns always add up. */
export function batchOf(
  map: string,
  operations: readonly (readonly [number, Uint8Array])[],
  value: Uint8Array,
  rest: Partial<BatchRest> = {},
): PipeMessage {
  const puts = operations.filter(([kind]) => (kind & 0x0f) === operation.put);
  return {
    batchId: 1n,
    map,
    operations: Uint8Array.from(operations, ([kind]) => kind),
    keyBytes: operations.map(([, key]) => key.length),
    keys: Buffer.concat(operations.map(([, key]) => key)),
    valueBytes: puts.map(() => value.length),
    values: Buffer.concat(puts.map(() => value)),
    ...rest,
  };
}

interface BatchRest {
  readonly batchId: bigint;
  readonly atomic: boolean;
  readonly ifVersions: bigint[];
}
