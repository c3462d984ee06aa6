import type { TestContext } from "node:test";
import { systemClock } from "../../src/base/clock.js";
import type { BigMapError } from "../../src/base/errors.js";
import { silentLogger } from "../../src/base/logger.js";
import { operationKind, type OperationBatch, type ResultBatch } from "../../src/base/operation-batch.js";
import { OperationBatchBuilder } from "../../src/base/operation-batch-builder.js";
import { mapMethods } from "../../src/proto/methods.js";
import { GrpcChannel } from "../../src/rpc/grpc-channel.js";
import { GrpcServer } from "../../src/rpc/grpc-server.js";
import type { BatchLoss, PipeSink } from "../../src/rpc/pipe-batch.js";
import { PipeClient, type PipeClientOptions } from "../../src/rpc/pipe-client.js";
import { PipeServer } from "../../src/rpc/pipe-server.js";
import { implementService } from "../../src/rpc/service.js";
import { SessionCounter } from "../../src/rpc/session-counter.js";
import { FakeTarget } from "./fake-target.js";

/** A server with nothing but the pipe on a real port, and a channel to it. Both end with the test. */
export class PipeFixture {
  readonly target: FakeTarget;
  /** Where the operations of background pipes go. */
  readonly backgroundTarget: FakeTarget;
  readonly pipes: PipeServer;
  readonly server: GrpcServer;
  readonly channel: GrpcChannel;

  private constructor(target: FakeTarget, backgroundTarget: FakeTarget, pipes: PipeServer, server: GrpcServer) {
    this.target = target;
    this.backgroundTarget = backgroundTarget;
    this.pipes = pipes;
    this.server = server;
    this.channel = new GrpcChannel(server.address, systemClock);
  }

  static async start(context: TestContext): Promise<PipeFixture> {
    const target = new FakeTarget();
    const backgroundTarget = new FakeTarget();
    const sessions = new SessionCounter();
    const pipes = new PipeServer({ target, backgroundTarget, sessions, clock: systemClock });
    const ports = { clock: systemClock, sessions, logger: silentLogger };
    const service = implementService({ pipe: mapMethods.pipe }, { pipe: (call) => pipes.accept(call) }, ports, () => pipes.drain());
    const server = await GrpcServer.listen({ listenAddress: "127.0.0.1:0", services: [service], clock: systemClock, logger: silentLogger });
    const fixture = new PipeFixture(target, backgroundTarget, pipes, server);
    context.after(async () => {
      fixture.channel.close();
      await server.stop(0);
    });
    return fixture;
  }

  openPipe(options: Partial<PipeClientOptions> = {}, background = false): PipeClient {
    return new PipeClient(this.channel.openPipe(mapMethods.pipe, background), { clock: systemClock, ...options });
  }
}

/** Keeps what became of one batch; `done` resolves when every operation is answered or lost. */
export class RecordingSink implements PipeSink {
  readonly parts: ResultBatch[] = [];
  loss: BatchLoss | undefined;
  readonly done: Promise<this>;
  #resolve!: (sink: this) => void;
  #missing: number;

  constructor(operations: number) {
    this.#missing = operations;
    this.done = new Promise((resolve) => (this.#resolve = resolve));
  }

  get error(): BigMapError | undefined {
    return this.loss?.error;
  }

  deliver(results: ResultBatch): void {
    this.parts.push(results);
    this.#missing -= results.count;
    if (this.#missing === 0) this.#resolve(this);
  }

  lose(loss: BatchLoss): void {
    this.loss = loss;
    this.#resolve(this);
  }
}

export function puts(entries: Readonly<Record<string, string | Buffer>>): OperationBatch {
  const builder = new OperationBatchBuilder();
  for (const [key, value] of Object.entries(entries)) builder.add(operationKind.put, key, Buffer.from(value), 0);
  return builder.build("map");
}

export function gets(keys: readonly string[], deadlineMs = Infinity): OperationBatch {
  const builder = new OperationBatchBuilder();
  for (const key of keys) builder.add(operationKind.get, key, undefined, 0);
  return builder.build("map", { deadlineMs });
}

/** Whether there are entries of these keys. */
export function asks(keys: readonly string[]): OperationBatch {
  const builder = new OperationBatchBuilder();
  for (const key of keys) builder.add(operationKind.has, key, undefined, 0);
  return builder.build("map");
}

/** The values of a result, as text. */
export function valuesOf(results: ResultBatch | undefined): readonly string[] {
  if (results === undefined) return [];
  return Array.from({ length: results.count }, (_, i) =>
    Buffer.from(results.values.subarray(results.valueOffsets[i], results.valueOffsets[i + 1])).toString(),
  );
}
