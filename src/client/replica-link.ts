import { BigMapError } from "../base/errors.js";
import { sleep, type Clock } from "../base/clock.js";
import type { Logger } from "../base/logger.js";
import type { OperationBatch, ResultSink } from "../base/operation-batch.js";
import type { Random } from "../base/random.js";
import { Backoff } from "./backoff.js";
import { KeepAlive } from "./keep-alive.js";
import { PipeTrip, lostResults, refusedResults } from "./pipe-trip.js";
import type { PipeClient } from "../rpc/pipe-client.js";
import { ReplicaSession } from "./replica-session.js";

export interface LinkPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Operations give way to those of other clients. */
  readonly background?: boolean;
}

type LinkState =
  | { readonly kind: "connecting"; readonly lastError: BigMapError | undefined }
  | { readonly kind: "open"; readonly session: ReplicaSession }
  | { readonly kind: "closed" };

/** One try to connect may take this long before the next endpoint has its turn. */
const attemptTimeoutMs = 5_000;

/**
 * A lasting connection to a replica: it tries its endpoints in turn until one answers, and again whenever the
 * connection ends. Batches wait meanwhile; whoever submitted them withdraws those that it no longer wants.
 */
export class ReplicaLink {
  readonly #endpoints: readonly string[];
  readonly #ports: LinkPorts;
  readonly #backoff: Backoff;
  readonly #stop = new AbortController();
  /** Batches that wait for a connection, oldest first. */
  readonly #queue = new Map<ResultSink, OperationBatch>();
  /** Batches on a pipe, and on which. */
  readonly #trips = new Map<ResultSink, { readonly trip: PipeTrip; readonly pipe: PipeClient }>();
  readonly #forget = (sink: ResultSink): void => void this.#trips.delete(sink);
  readonly #retired = new Set<ReplicaSession>();
  /** While there is no connection whose socket does it. */
  readonly #keepAlive = new KeepAlive();
  #waiters: ((error: BigMapError | undefined) => void)[] = [];
  #turn = 0;
  /** Whether batches wait for a connection. */
  #waits = true;
  #state: LinkState = { kind: "connecting", lastError: undefined };

  /** `endpoints`: HOST:PORT, at least one. */
  constructor(endpoints: readonly string[], ports: LinkPorts) {
    this.#endpoints = endpoints;
    this.#ports = ports;
    this.#backoff = new Backoff(ports.random);
    void this.#connect();
  }

  /** Sends the batch as soon as there is a connection. */
  submit(batch: OperationBatch, sink: ResultSink): void {
    const state = this.#state;
    if (state.kind === "open") this.#send(state.session.pipe, batch, sink);
    else if (state.kind === "connecting" && this.#waits) this.#queue.set(sink, batch);
    else if (state.kind === "connecting") sink.deliver(refusedResults(batch, this.#gone()));
    else sink.deliver(lostResults(batch, { indexes: undefined, mayHaveBegun: false, error: closed() }));
  }

  /** Forgets the batch. Returns whether any of it may have been carried out; if not, it never is. */
  withdraw(sink: ResultSink): boolean {
    if (this.#queue.delete(sink)) return false;
    const sent = this.#trips.get(sink);
    return sent === undefined || sent.trip.withdrawFrom(sent.pipe);
  }

  /** UNAVAILABLE while there is no connection, with what went wrong last. */
  outage(): BigMapError | undefined {
    return this.#state.kind === "connecting" ? this.#unavailable() : undefined;
  }

  /** What waits for a connection, and what finds none from now on, is refused. */
  stopWaiting(): void {
    this.#waits = false;
    const waiting = [...this.#queue];
    this.#queue.clear();
    for (const [sink, batch] of waiting) sink.deliver(refusedResults(batch, this.#gone()));
    this.#wake(this.#gone());
  }

  /** Runs a call as soon as there is a session. Errors: UNAVAILABLE, CANCELLED, CLOSED; those of the call. */
  async call<T>(deadlineMs: number, signal: AbortSignal | undefined, run: (session: ReplicaSession) => Promise<T>): Promise<T> {
    const session = await this.session(deadlineMs, signal);
    return session.use(run);
  }

  /** The session, once there is one. Errors: UNAVAILABLE, CANCELLED, CLOSED. */
  async session(deadlineMs: number, signal: AbortSignal | undefined): Promise<ReplicaSession> {
    for (;;) {
      const state = this.#state;
      if (state.kind === "open") return state.session;
      if (state.kind === "closed") throw closed();
      if (!this.#waits) throw this.#gone();
      await this.#change(deadlineMs, signal);
    }
  }

  /** Takes the answers that are under way, then closes. */
  async close(): Promise<void> {
    const state = this.#state;
    this.#state = { kind: "closed" };
    this.#keepAlive.release();
    this.#stop.abort(closed());
    this.#wake(closed());
    const sessions = [...this.#retired, ...(state.kind === "open" ? [state.session] : [])];
    await Promise.all(sessions.map((session) => session.close()));
  }

  async #connect(): Promise<void> {
    const { clock, logger } = this.#ports;
    this.#keepAlive.hold();
    while (this.#state.kind === "connecting") {
      const address = this.#endpoints[this.#turn++ % this.#endpoints.length] ?? "";
      try {
        await this.#open(address);
      } catch (thrown) {
        if (this.#state.kind !== "connecting") return;
        const error = BigMapError.from(thrown);
        this.#state = { kind: "connecting", lastError: error };
        logger.debug({ address, code: error.code, error: error.message }, "An endpoint did not answer.");
        // A whole round without an answer: only then it is worth to wait.
        if (this.#turn % this.#endpoints.length === 0)
          await sleep(clock, this.#backoff.nextDelayMs(), this.#stop.signal).catch(() => undefined);
      }
    }
  }

  async #open(address: string): Promise<void> {
    const { clock, logger, background = false } = this.#ports;
    const deadlineMs = clock.monotonicMs() + attemptTimeoutMs;
    const holder: { session: ReplicaSession | undefined } = { session: undefined };
    // An end before the session is in hand shows in the state of its pipe.
    const onEnd = (error: BigMapError | undefined): void => {
      if (holder.session !== undefined) this.#onEnd(holder.session, error);
    };
    const session = await ReplicaSession.open(address, { clock, background }, deadlineMs, this.#stop.signal, onEnd);
    if (this.#state.kind !== "connecting") {
      void session.close();
      return;
    }
    holder.session = session;
    this.#keepAlive.release();
    this.#state = { kind: "open", session };
    this.#backoff.reset();
    logger.info({ address }, "Connected.");
    this.#wake(undefined);
    if (session.pipe.state.kind === "open") this.#sendWaiting();
    else this.#onEnd(session, undefined);
  }

  #onEnd(session: ReplicaSession, error: BigMapError | undefined): void {
    this.#retired.add(session);
    session.retire();
    void session.pipe.close().then(() => this.#retired.delete(session));
    if (this.#state.kind !== "open" || this.#state.session !== session) return;
    this.#ports.logger.info({ address: session.address, code: error?.code }, "The connection ended; connecting again.");
    this.#state = { kind: "connecting", lastError: error };
    void this.#connect();
  }

  #send(pipe: PipeClient, batch: OperationBatch, sink: ResultSink): void {
    const trip = new PipeTrip(batch, sink, this.#forget);
    this.#trips.set(sink, { trip, pipe });
    pipe.submit(batch, trip);
  }

  #sendWaiting(): void {
    if (this.#state.kind !== "open") return;
    const { pipe } = this.#state.session;
    const waiting = [...this.#queue];
    this.#queue.clear();
    for (const [sink, batch] of waiting) this.#send(pipe, batch, sink);
  }

  #change(deadlineMs: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const { clock } = this.#ports;
      const settle = (error: BigMapError | undefined): void => {
        cancelTimer();
        signal?.removeEventListener("abort", onAbort);
        this.#waiters = this.#waiters.filter((waiter) => waiter !== settle);
        if (error === undefined) resolve();
        else reject(error);
      };
      const onAbort = (): void => settle(new BigMapError("CANCELLED", "The caller's signal was aborted", { cause: signal?.reason }));
      const cancelTimer = clock.setTimer(Math.max(1, deadlineMs - clock.monotonicMs()), () => settle(this.#unavailable()));
      this.#waiters.push(settle);
      signal?.addEventListener("abort", onAbort, { once: true });
      if (signal?.aborted === true) onAbort();
    });
  }

  #unavailable(): BigMapError {
    const cause = this.#state.kind === "connecting" ? this.#state.lastError : undefined;
    const why = cause === undefined ? "" : `: ${cause.message}`;
    return new BigMapError("UNAVAILABLE", `No replica answers at ${this.#endpoints.join(", ")}${why}`, { cause });
  }

  /** The client waits for no connection: trying again would be in vain. */
  #gone(): BigMapError {
    const { message, cause } = this.#unavailable();
    return new BigMapError("UNAVAILABLE", `The client was closed meanwhile. ${message}`, { cause, retry: "permanent" });
  }

  #wake(error: BigMapError | undefined): void {
    for (const settle of [...this.#waiters]) settle(error);
  }
}

function closed(): BigMapError {
  return new BigMapError("CLOSED", "This client was closed");
}
