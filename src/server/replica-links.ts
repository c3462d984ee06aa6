import { systemClock } from "../base/clock.js";
import { BigMapError } from "../base/errors.js";
import type { Logger } from "../base/logger.js";
import type { ScanPageRequest } from "../base/map-backend.js";
import type { ScanPage } from "../base/scan-page.js";
import { keyOf, resultStatus, valueOf, type OperationBatch, type ResultBatch, type ResultSink } from "../base/operation-batch.js";
import { OperationBatchBuilder } from "../base/operation-batch-builder.js";
import { systemRandom } from "../base/random.js";
import { connectGrpc } from "../client/grpc-connection.js";
import type { Connection } from "../client/connection.js";
import type { BatchExecution } from "../replica/batch-execution.js";
import type { Forwarder } from "../replica/dispatcher-parts.js";

const connectTimeoutMs = 5_000;

/**
 * Carries operations to the replicas that own their keys, over one connection to each. What is forwarded asks not to be
 * forwarded again: two replicas that disagree about a ring end in an error that the client may retry, not in a loop.
 */
export class ReplicaLinks implements Forwarder {
  readonly #connections = new Map<string, Promise<Connection>>();

  constructor(private readonly logger: Logger) {}

  forward(execution: BatchExecution, indexes: readonly number[], address: string): void {
    this.#connection(address).then(
      (connection) => connection.submit(partOf(execution.batch, indexes), execution.sessionId, new ForwardedSink(execution, indexes)),
      (error: unknown) => {
        for (const index of indexes) execution.addError(index, BigMapError.from(error));
        execution.flush();
      },
    );
  }

  /** A page as its owner reads it. Errors: UNAVAILABLE; those of the owner. */
  async scanPage(request: ScanPageRequest, address: string, signal?: AbortSignal, timeoutMs?: number): Promise<ScanPage> {
    return (await this.#connection(address)).scanPage({ ...request, noForward: true }, signal, timeoutMs);
  }

  async close(): Promise<void> {
    for (const connecting of await Promise.allSettled(this.#connections.values())) {
      if (connecting.status === "fulfilled") await connecting.value.close();
    }
  }

  #connection(address: string): Promise<Connection> {
    const known = this.#connections.get(address);
    if (known !== undefined) return known;
    const ports = { clock: systemClock, random: systemRandom, logger: this.logger };
    const connecting = connectGrpc({ endpoints: [address], timeoutMs: connectTimeoutMs, signal: undefined, ...ports });
    this.#connections.set(address, connecting);
    connecting.catch(() => this.#connections.delete(address));
    return connecting;
  }
}

/** The operations with these indexes as a batch of their own. */
function partOf(batch: OperationBatch, indexes: readonly number[]): OperationBatch {
  const builder = new OperationBatchBuilder();
  for (const index of indexes)
    builder.add(batch.operations[index] as number, keyOf(batch, index), valueOf(batch, index), batch.ifVersions[index] ?? 0);
  return builder.build(batch.map, { atomic: batch.atomic, noForward: true, deadlineMs: batch.deadlineMs });
}

/** Puts the owner's answers where the operations stood in the batch that the caller sent. */
class ForwardedSink implements ResultSink {
  constructor(
    private readonly execution: BatchExecution,
    private readonly indexes: readonly number[],
  ) {}

  deliver(results: ResultBatch): void {
    const { execution } = this;
    for (let i = 0; i < results.count; i++) {
      const index = this.indexes[results.indexes?.[i] ?? i] as number;
      const error = results.errors.get(i);
      const start = results.valueOffsets[i] as number;
      const end = results.valueOffsets[i + 1] as number;
      const status = results.statuses[i] as number;
      if (error !== undefined) execution.addError(index, error);
      else if (status === resultStatus.foundValue) execution.addValue(index, results.versions[i] as number, results.values, start, end);
      else execution.add(index, status, results.versions[i] as number);
    }
    execution.flush();
  }
}
