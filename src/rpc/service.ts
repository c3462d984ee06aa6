import type * as grpc from "@grpc/grpc-js";
import type { Clock } from "../base/clock.js";
import { BigMapError } from "../base/errors.js";
import type { SessionId } from "../base/ids.js";
import type { Logger } from "../base/logger.js";
import type { Method, MethodShape } from "../proto/methods.js";
import { fromWallDeadline } from "./deadline.js";
import { toGrpcStatus } from "./grpc-status.js";
import { resetStream } from "./call-stream.js";
import type { SessionCounter } from "./session-counter.js";
import { streamMessages } from "./server-stream.js";
import { StallWatch } from "./stall-watch.js";
import { UnaryContext } from "./unary-context.js";

/** What a handler may know about the call that it answers. */
export interface CallContext {
  readonly sessionId: SessionId;
  /** Monotonic; Infinity: none. */
  readonly deadlineMs: number;
  /** Aborted when the caller gave up before it was answered, and for streams also when the server stops. */
  readonly signal: AbortSignal;
  /** The other end of the connection, HOST:PORT. */
  readonly peer: string;
}

/** What the handler of a stream may do beside. */
export interface StreamCallContext extends CallContext {
  /** Ends the call at once, with what it has not sent: for one that stands in the way of others. */
  readonly cutOff: (error: BigMapError) => void;
}

/** What a unary handler may know beside. */
export interface UnaryCallContext extends CallContext {
  /** Runs it, and only the last that is given, once the answer has left for the network, or never will. */
  onLeft(run: () => void): void;
}

export type PipeCall = grpc.ServerDuplexStream<Buffer, Buffer>;

/** How a method is carried out. What it throws becomes the call's status. */
export type Handler<AnyMethod> =
  AnyMethod extends Method<infer Request, infer Response, "unary">
    ? (request: Request, context: UnaryCallContext) => Promise<Response>
    : AnyMethod extends Method<infer Request, infer Response, "server stream">
      ? (request: Request, context: StreamCallContext) => AsyncIterable<Response>
      : (call: PipeCall) => void;

export type ServiceHandlers<Methods> = { readonly [Name in keyof Methods]: Handler<Methods[Name]> };

export interface ServicePorts {
  readonly clock: Clock;
  readonly sessions: SessionCounter;
  readonly logger: Logger;
}

/** A service that a GrpcServer can offer. */
export interface Service {
  readonly definition: grpc.ServiceDefinition;
  readonly implementation: grpc.UntypedServiceImplementation;
  /** Ends its streams in order and resolves when every call is answered. */
  drain(): Promise<void>;
}

type AnyMethods = Readonly<Record<string, { readonly path: string; readonly shape: MethodShape }>>;
type UntypedMethod = Method<unknown, unknown>;
type UnaryHandler = (request: unknown, context: UnaryCallContext) => Promise<unknown>;
type StreamHandler = (request: unknown, context: StreamCallContext) => AsyncIterable<unknown>;

/**
 * Joins methods and handlers. Messages are decoded and encoded here and not inside gRPC, so that a malformed one is
 * FRAME_INVALID with its detail instead of a bare INTERNAL.
 */
export function implementService<Methods extends AnyMethods>(
  methods: Methods,
  handlers: ServiceHandlers<Methods>,
  ports: ServicePorts,
  drainPipes: () => Promise<void> = () => Promise.resolve(),
): Service {
  const calls = new OpenCalls(ports);
  const definition: Record<string, grpc.MethodDefinition<Buffer, Buffer>> = {};
  const implementation: grpc.UntypedServiceImplementation = {};
  for (const [name, method] of Object.entries(methods)) {
    definition[name] = rawDefinition(method, calls.serialize);
    implementation[name] = calls.handle(method as UntypedMethod, handlers[name] as never);
  }
  return {
    definition,
    implementation,
    drain: async () => {
      await Promise.all([drainPipes(), calls.drain()]);
    },
  };
}

const identity = (bytes: Buffer): Buffer => bytes;

function rawDefinition(
  method: { readonly path: string; readonly shape: MethodShape },
  serialize: (bytes: Buffer) => Buffer,
): grpc.MethodDefinition<Buffer, Buffer> {
  return {
    path: method.path,
    requestStream: method.shape === "pipe",
    responseStream: method.shape !== "unary",
    requestSerialize: identity,
    requestDeserialize: identity,
    responseSerialize: serialize,
    responseDeserialize: identity,
  };
}

/** The calls of a service that are not answered yet. */
class OpenCalls {
  readonly #ports: ServicePorts;
  readonly #streams = new Set<AbortController>();
  readonly #stalls: StallWatch;
  #open = 0;
  #draining = false;
  /** Answers that gRPC took. */
  #serialized = 0;
  #onIdle: (() => void) | undefined;

  constructor(ports: ServicePorts) {
    this.#ports = ports;
    this.#stalls = new StallWatch(ports.clock);
  }

  /** gRPC calls it for what it sends, before `answer` returns, and not at all where a call's stream is closed already. */
  readonly serialize = (bytes: Buffer): Buffer => {
    this.#serialized++;
    return bytes;
  };

  handle(method: UntypedMethod, handler: UnaryHandler & StreamHandler & ((call: PipeCall) => void)): grpc.UntypedHandleCall {
    if (method.shape === "pipe") return (call: PipeCall) => handler(call);
    if (method.shape === "unary") {
      return (call: grpc.ServerUnaryCall<Buffer, Buffer>, answer: grpc.sendUnaryData<Buffer>) =>
        void this.#unary(method, handler, call, answer);
    }
    return (call: grpc.ServerWritableStream<Buffer, Buffer>) => void this.#stream(method, handler, call);
  }

  drain(): Promise<void> {
    this.#draining = true;
    for (const controller of this.#streams) controller.abort(shuttingDown());
    return this.#open === 0 ? Promise.resolve() : new Promise((resolve) => (this.#onIdle = resolve));
  }

  async #unary(
    method: UntypedMethod,
    handler: UnaryHandler,
    call: grpc.ServerUnaryCall<Buffer, Buffer>,
    answer: grpc.sendUnaryData<Buffer>,
  ): Promise<void> {
    this.#open++;
    const { clock, sessions } = this.#ports;
    const context = new UnaryContext(call, sessions.next(), fromWallDeadline(clock, call.getDeadline()), this.#stalls);
    try {
      const request = method.request.decode(call.request);
      const bytes = method.response.encode(await handler(request, context));
      const before = this.#serialized;
      answer(null, bytes);
      context.answered(this.#serialized > before);
    } catch (error) {
      answer(this.#status(method, error));
      context.answered(false);
    } finally {
      this.#closed();
    }
  }

  async #stream(method: UntypedMethod, handler: StreamHandler, call: grpc.ServerWritableStream<Buffer, Buffer>): Promise<void> {
    this.#open++;
    const controller = new AbortController();
    this.#streams.add(controller);
    try {
      if (this.#draining) throw shuttingDown();
      const request = method.request.decode(call.request);
      const messages = handler(request, this.#streamContext(call, controller));
      await streamMessages(messages, method.response, call, controller.signal, this.#stalls);
      call.end();
    } catch (error) {
      call.emit("error", this.#status(method, error));
    } finally {
      this.#streams.delete(controller);
      this.#closed();
    }
  }

  #streamContext(call: grpc.ServerWritableStream<Buffer, Buffer>, controller: AbortController): StreamCallContext {
    call.once("cancelled", () => controller.abort(new BigMapError("CANCELLED", "The caller gave up")));
    const { clock, sessions } = this.#ports;
    const { signal } = controller;
    const cutOff = (error: BigMapError): void => {
      controller.abort(error);
      resetStream(call);
    };
    const deadlineMs = fromWallDeadline(clock, call.getDeadline());
    return { sessionId: sessions.next(), deadlineMs, signal, peer: call.getPeer(), cutOff };
  }

  #status(method: UntypedMethod, thrown: unknown): grpc.StatusObject {
    const error = BigMapError.from(thrown);
    if (error.code === "INTERNAL") this.#ports.logger.error({ method: method.path, err: error }, "A call failed by a defect");
    return toGrpcStatus(error);
  }

  #closed(): void {
    if (--this.#open === 0) this.#onIdle?.();
  }
}

function shuttingDown(): BigMapError {
  return new BigMapError("SHUTTING_DOWN", "The replica stops");
}
