// The server of the echo floor: it takes the batches of the pipe and answers them without looking anything up or storing
// anything. A program of its own; `echo-subject.ts` starts it and reads its address from its output.
import { systemClock } from "../../src/base/clock.js";
import { silentLogger } from "../../src/base/logger.js";
import {
  noErrors,
  operationKind,
  resultStatus,
  type OperationBatch,
  type OperationTarget,
  type ResultBatch,
} from "../../src/base/operation-batch.js";
import { mapMethods } from "../../src/proto/methods.js";
import { GrpcServer } from "../../src/rpc/grpc-server.js";
import { PipeServer } from "../../src/rpc/pipe-server.js";
import { implementService } from "../../src/rpc/service.js";
import { SessionCounter } from "../../src/rpc/session-counter.js";

const kindMask = 0x0f;
const version = 123_456;

const statusOf: Readonly<Record<number, number>> = {
  [operationKind.get]: resultStatus.foundValue,
  [operationKind.has]: resultStatus.found,
  [operationKind.put]: resultStatus.written,
  [operationKind.delete]: resultStatus.deleted,
};

/** Answers everything at once: gets with a value of the size that was asked for, puts with a version. */
class EchoTarget implements OperationTarget {
  readonly #valueBytes: number;

  constructor(valueBytes: number) {
    this.#valueBytes = valueBytes;
  }

  submit(batch: OperationBatch, _sessionId: number, sink: { deliver(results: ResultBatch): void }): void {
    const { count } = batch;
    const statuses = new Uint8Array(count);
    const valueOffsets = new Uint32Array(count + 1);
    for (let i = 0; i < count; i++) {
      const kind = (batch.operations[i] as number) & kindMask;
      statuses[i] = statusOf[kind] as number;
      valueOffsets[i + 1] = (valueOffsets[i] as number) + (kind === operationKind.get ? this.#valueBytes : 0);
    }
    const versions = new Float64Array(count).fill(version);
    const values = Buffer.alloc(valueOffsets[count] as number, "x");
    sink.deliver({ count, indexes: undefined, statuses, versions, values, valueOffsets, errors: noErrors });
  }
}

async function serve(valueBytes: number): Promise<void> {
  const sessions = new SessionCounter();
  const pipes = new PipeServer({ target: new EchoTarget(valueBytes), sessions, clock: systemClock });
  const ports = { clock: systemClock, sessions, logger: silentLogger };
  const service = implementService({ pipe: mapMethods.pipe }, { pipe: (call) => pipes.accept(call) }, ports, () => pipes.drain());
  const server = await GrpcServer.listen({ listenAddress: "127.0.0.1:0", services: [service], clock: systemClock, logger: silentLogger });
  process.stdout.write(`echo floor on ${server.address}\n`);
}

await serve(Number(process.argv[2]));
