/**
 * The floor of the fast road: how many operations a second go through the pipe when the server stores nothing. One client
 * process, one server process, callers that each await one operation; what is asked in one turn of the loop travels in one
 * batch. `node dist/bench/echo-floor.js [get|put] [seconds] [callers] [valueBytes]`
 */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { systemClock } from "../src/base/clock.js";
import {
  noErrors,
  OperationBatchBuilder,
  operationKind,
  resultStatus,
  type OperationBatch,
  type OperationTarget,
  type ResultBatch,
} from "../src/base/operation-batch.js";
import { silentLogger } from "../src/base/logger.js";
import { mapMethods } from "../src/proto/methods.js";
import { GrpcChannel } from "../src/rpc/grpc-channel.js";
import { GrpcServer } from "../src/rpc/grpc-server.js";
import { PipeClient } from "../src/rpc/pipe-client.js";
import type { PipeSink } from "../src/rpc/pipe-batch.js";
import { PipeServer } from "../src/rpc/pipe-server.js";
import { implementService } from "../src/rpc/service.js";
import { SessionCounter } from "../src/rpc/session-counter.js";

const pipeOnly = { pipe: mapMethods.pipe };

interface Load {
  readonly kind: "get" | "put";
  readonly durationMs: number;
  readonly callers: number;
  readonly valueBytes: number;
}

/** Answers everything at once: gets with the same value, puts with a version. */
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
      const isGet = batch.operations[i] === operationKind.get;
      statuses[i] = isGet ? resultStatus.foundValue : resultStatus.written;
      valueOffsets[i + 1] = (valueOffsets[i] as number) + (isGet ? this.#valueBytes : 0);
    }
    const versions = new Float64Array(count).fill(123_456);
    const values = Buffer.alloc(valueOffsets[count] as number, 120);
    sink.deliver({ count, indexes: undefined, statuses, versions, values, valueOffsets, errors: noErrors });
  }
}

async function serve(valueBytes: number): Promise<void> {
  const sessions = new SessionCounter();
  const pipes = new PipeServer({ target: new EchoTarget(valueBytes), sessions, clock: systemClock });
  const ports = { clock: systemClock, sessions, logger: silentLogger };
  const service = implementService(pipeOnly, { pipe: (call) => pipes.accept(call) }, ports, () => pipes.drain());
  const server = await GrpcServer.listen({ listenAddress: "127.0.0.1:0", services: [service], clock: systemClock, logger: silentLogger });
  process.send?.(server.address);
}

/** Collects the operations of one turn of the loop into one batch, and resolves each caller's promise. */
class TurnBatcher {
  readonly #pipe: PipeClient;
  #builder = new OperationBatchBuilder();
  #resolvers: ((bytes: number) => void)[] = [];

  constructor(pipe: PipeClient) {
    this.#pipe = pipe;
  }

  ask(kind: number, key: string, value: Uint8Array | undefined): Promise<number> {
    return new Promise((resolve) => {
      if (this.#builder.count === 0) setImmediate(() => this.#flush());
      this.#builder.add(kind, key, value, 0);
      this.#resolvers.push(resolve);
    });
  }

  #flush(): void {
    const resolvers = this.#resolvers;
    const batch = this.#builder.build("floor");
    this.#builder = new OperationBatchBuilder();
    this.#resolvers = [];
    const sink: PipeSink = {
      deliver: ({ count, indexes, values, valueOffsets }) => {
        for (let i = 0; i < count; i++) {
          const value = values.subarray(valueOffsets[i], valueOffsets[i + 1]);
          resolvers[indexes?.[i] ?? i]?.(value.length);
        }
      },
      lose: ({ error }) => {
        throw error;
      },
    };
    this.#pipe.submit(batch, sink);
  }
}

async function measure(address: string, load: Load): Promise<number> {
  const channel = new GrpcChannel(address, systemClock);
  await channel.connect();
  const batcher = new TurnBatcher(new PipeClient(channel.openPipe(mapMethods.pipe), { clock: systemClock }));
  const kind = operationKind[load.kind];
  const value = load.kind === "put" ? Buffer.alloc(load.valueBytes, 120) : undefined;
  let operations = 0;
  const startMs = performance.now();
  const caller = async (name: number): Promise<void> => {
    for (let i = 0; performance.now() - startMs < load.durationMs; i++) {
      await batcher.ask(kind, `key-${name}-${i}`, value);
      operations++;
    }
  };
  await Promise.all(Array.from({ length: load.callers }, (_, i) => caller(i)));
  const perSecond = operations / ((performance.now() - startMs) / 1000);
  channel.close();
  return perSecond;
}

/** Operations a second, through a server in a process of its own. */
export async function echoFloor(load: Load): Promise<number> {
  const server: ChildProcess = fork(fileURLToPath(import.meta.url), ["serve", String(load.valueBytes)]);
  try {
    const [address] = (await once(server, "message")) as [string];
    return await measure(address, load);
  } finally {
    server.kill();
  }
}

async function main(words: readonly string[]): Promise<void> {
  const [kind = "get", seconds = "5", callers = "256", valueBytes = "100"] = words;
  if (kind === "serve") return serve(Number(words[1]));
  const load: Load = {
    kind: kind === "put" ? "put" : "get",
    durationMs: Number(seconds) * 1000,
    callers: Number(callers),
    valueBytes: Number(valueBytes),
  };
  const perSecond = await echoFloor(load);
  process.stdout.write(`${JSON.stringify({ ...load, operationsPerSecond: Math.round(perSecond) })}\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(process.argv.slice(2));
