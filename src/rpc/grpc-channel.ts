import * as grpc from "@grpc/grpc-js";
import type { Clock } from "../base/clock.js";
import { BigMapError, type ErrorCode } from "../base/errors.js";
import type { Method } from "../proto/methods.js";
import { backgroundMetadata } from "./background.js";
import { toWallDeadline } from "./deadline.js";
import { fromGrpcStatus, hasErrorDetail } from "./grpc-status.js";
import { PeerWatch } from "./peer-watch.js";
import { channelOptions, watchedChannelOptions } from "./transport-options.js";
import { watchConnections } from "./watched-connections.js";

export interface CallOptions {
  /** Monotonic; Infinity or absent: none. */
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal;
}

export type ConnectionState = "idle" | "connecting" | "ready" | "failing" | "closed";

export type PipeStream = grpc.ClientDuplexStream<Buffer, Buffer>;

const stateNames: Readonly<Record<grpc.connectivityState, ConnectionState>> = {
  [grpc.connectivityState.IDLE]: "idle",
  [grpc.connectivityState.CONNECTING]: "connecting",
  [grpc.connectivityState.READY]: "ready",
  [grpc.connectivityState.TRANSIENT_FAILURE]: "failing",
  [grpc.connectivityState.SHUTDOWN]: "closed",
};

const identity = (bytes: Buffer): Buffer => bytes;

/** A connection to one replica. It connects when it is first used and again after it broke. */
export class GrpcChannel {
  readonly address: string;
  readonly #client: grpc.Client;
  readonly #clock: Clock;
  #closed = false;

  /** `address`: HOST:PORT. */
  constructor(address: string, clock: Clock) {
    this.address = address;
    this.#clock = clock;
    const credentials = grpc.credentials.createInsecure();
    const isWatched = watchConnections(credentials, new PeerWatch(clock));
    this.#client = new grpc.Client(address, credentials, isWatched ? watchedChannelOptions : channelOptions);
  }

  get state(): ConnectionState {
    return this.#closed ? "closed" : stateNames[this.#client.getChannel().getConnectivityState(false)];
  }

  /**
   * Resolves when the connection stands. Errors: UNAVAILABLE at the first failure to connect, DEADLINE_EXCEEDED,
   * CANCELLED, CLOSED. Whatever fails here was not sent.
   */
  async connect(options: CallOptions = {}): Promise<void> {
    for (;;) {
      if (this.#closed) throw new BigMapError("CLOSED", `The connection to ${this.address} was closed`);
      if (options.signal?.aborted === true) throw cancelled(options.signal);
      if ((options.deadlineMs ?? Infinity) <= this.#clock.monotonicMs()) {
        throw new BigMapError("DEADLINE_EXCEEDED", "The call was not sent before its deadline");
      }
      const state = this.#client.getChannel().getConnectivityState(true);
      if (state === grpc.connectivityState.READY) return;
      if (state === grpc.connectivityState.TRANSIENT_FAILURE) throw new BigMapError("UNAVAILABLE", `Cannot connect to ${this.address}`);
      await this.#stateChange(state, options);
    }
  }

  /**
   * One call, one answer. Errors: what the server says; where it says nothing: UNAVAILABLE, DEADLINE_EXCEEDED or
   * CANCELLED for a query and for what was not sent, OUTCOME_UNKNOWN for an update that was.
   */
  async unary<Request, Response>(
    method: Method<Request, Response, "unary">,
    request: Request,
    options: CallOptions = {},
  ): Promise<Response> {
    const bytes = method.request.encode(request);
    await this.connect(options);
    return method.response.decode(await this.#unaryBytes(method, bytes, options));
  }

  /** The messages of a server's stream, read no faster than they are asked for; leaving the loop cancels the call. */
  async *serverStream<Request, Response>(
    method: Method<Request, Response, "server stream">,
    request: Request,
    options: CallOptions = {},
  ): AsyncGenerator<Response, void, undefined> {
    const bytes = method.request.encode(request);
    await this.connect(options);
    const call = this.#client.makeServerStreamRequest(method.path, identity, identity, bytes, this.#callOptions(options));
    const forget = cancelOnAbort(call, options.signal);
    try {
      for await (const message of call) yield method.response.decode(message as Buffer);
    } catch (error) {
      throw failureOf(error);
    } finally {
      forget();
      call.cancel();
    }
  }

  /** Opens a bidirectional stream of raw frames; `background`: its operations are to give way to those of others. */
  openPipe(method: Method<Buffer, Buffer, "pipe">, background = false): PipeStream {
    const metadata = background ? backgroundMetadata() : new grpc.Metadata();
    return this.#client.makeBidiStreamRequest(method.path, identity, identity, metadata);
  }

  /** Begins no further call. What was sent goes on until it is answered, its deadline, or its signal; what was not is UNAVAILABLE. */
  close(): void {
    this.#closed = true;
    this.#client.close();
  }

  #callOptions(options: CallOptions): grpc.CallOptions {
    return { deadline: toWallDeadline(this.#clock, options.deadlineMs ?? Infinity) };
  }

  #stateChange(state: grpc.connectivityState, options: CallOptions): Promise<void> {
    const deadline = toWallDeadline(this.#clock, options.deadlineMs ?? Infinity);
    return new Promise((resolve, reject) => {
      const onAbort = (): void => reject(cancelled(options.signal));
      options.signal?.addEventListener("abort", onAbort, { once: true });
      this.#client.getChannel().watchConnectivityState(state, deadline, (error) => {
        options.signal?.removeEventListener("abort", onAbort);
        if (error === undefined || error === null) resolve();
        else reject(new BigMapError("DEADLINE_EXCEEDED", `No connection to ${this.address} in time`, { cause: error }));
      });
    });
  }

  #unaryBytes<Request, Response>(method: Method<Request, Response, "unary">, bytes: Buffer, options: CallOptions): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      let forget = (): void => undefined;
      const call = this.#client.makeUnaryRequest<Buffer, Buffer>(
        method.path,
        identity,
        identity,
        bytes,
        this.#callOptions(options),
        (error, answer) => {
          forget();
          if (error !== null) reject(method.effect === "update" ? updateFailureOf(error) : failureOf(error));
          else resolve(answer ?? Buffer.alloc(0));
        },
      );
      forget = cancelOnAbort(call, options.signal);
    });
  }
}

/** The error of a call that failed. */
export function failureOf(error: unknown): BigMapError {
  return isServiceError(error) ? fromGrpcStatus(error) : BigMapError.from(error);
}

/** What gRPC says without a detail of ours where it refuses a call before the server's handler sees it. */
const refusals: ReadonlySet<ErrorCode> = new Set(["UNIMPLEMENTED", "BATCH_TOO_LARGE", "INVALID_ARGUMENT"]);

function updateFailureOf(error: grpc.ServiceError): BigMapError {
  const failure = fromGrpcStatus(error);
  if (hasErrorDetail(error.metadata) || refusals.has(failure.code)) return failure;
  return new BigMapError("OUTCOME_UNKNOWN", `The update was sent, but not answered: ${failure.message}`, { cause: failure });
}

function isServiceError(error: unknown): error is grpc.ServiceError {
  return error instanceof Error && "code" in error && typeof error.code === "number" && "details" in error && "metadata" in error;
}

function cancelOnAbort(call: { cancel(): void }, signal: AbortSignal | undefined): () => void {
  if (signal === undefined) return () => undefined;
  const onAbort = (): void => call.cancel();
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort, { once: true });
  return () => signal.removeEventListener("abort", onAbort);
}

export function cancelled(signal: AbortSignal | undefined): BigMapError {
  return new BigMapError("CANCELLED", "The caller gave up before the call was sent", { cause: signal?.reason });
}
