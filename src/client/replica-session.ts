import { BigMapError } from "../base/errors.js";
import type { Clock } from "../base/clock.js";
import { limits } from "../base/limits.js";
import { mapMethods } from "../proto/methods.js";
import { GrpcChannel } from "../rpc/grpc-channel.js";
import { PageClient } from "../rpc/page-client.js";
import { PipeClient, type PipeState } from "../rpc/pipe-client.js";

/** Called once: the pipe takes no more batches, because the server ends it or it broke. */
export type OnSessionEnd = (error: BigMapError | undefined) => void;

export interface SessionPorts {
  readonly clock: Clock;
  /** The pipe's operations give way to those of others. */
  readonly background: boolean;
}

/** One channel to one replica with the pipe and the stream of pages on it, from the moment the pipe stands until it ends. */
export class ReplicaSession {
  readonly channel: GrpcChannel;
  readonly pipe: PipeClient;
  readonly pages: PageClient;
  #calls = 0;
  #retired = false;

  private constructor(channel: GrpcChannel, pipe: PipeClient, clock: Clock) {
    this.channel = channel;
    this.pipe = pipe;
    this.pages = new PageClient(channel, clock);
  }

  /** Errors: UNAVAILABLE, DEADLINE_EXCEEDED, CANCELLED, or why the server refused the pipe. */
  static async open(
    address: string,
    ports: SessionPorts,
    deadlineMs: number,
    signal: AbortSignal,
    onEnd: OnSessionEnd,
  ): Promise<ReplicaSession> {
    const channel = new GrpcChannel(address, ports.clock);
    try {
      await channel.connect({ deadlineMs, signal });
      return new ReplicaSession(channel, await openPipe(channel, ports, deadlineMs, signal, onEnd), ports.clock);
    } catch (error) {
      channel.close();
      throw error;
    }
  }

  get address(): string {
    return this.channel.address;
  }

  /** Runs a call on the channel or its stream of pages, which stay open until the call has ended. */
  async use<T>(run: (session: ReplicaSession) => Promise<T>): Promise<T> {
    this.#calls++;
    try {
      return await run(this);
    } finally {
      this.#calls--;
      this.#closeIfUnused();
    }
  }

  /** Closes the channel once its calls have ended. */
  retire(): void {
    this.#retired = true;
    this.#closeIfUnused();
  }

  /** Takes the answers that are under way, then closes. */
  async close(): Promise<void> {
    await this.pipe.close();
    this.#closeChannel();
  }

  #closeIfUnused(): void {
    if (this.#retired && this.#calls === 0) this.#closeChannel();
  }

  #closeChannel(): void {
    this.pages.close();
    this.channel.close();
  }
}

function openPipe(
  channel: GrpcChannel,
  { clock, background }: SessionPorts,
  deadlineMs: number,
  signal: AbortSignal,
  onEnd: OnSessionEnd,
): Promise<PipeClient> {
  return new Promise((resolve, reject) => {
    let opened = false;
    let ended = false;
    const giveUp = (error: BigMapError): void => {
      pipe.abort(error);
      reject(error);
    };
    const onAbort = (): void => giveUp(new BigMapError("CANCELLED", "The client gave up connecting", { cause: signal.reason }));
    const settle = (): void => {
      cancelTimer();
      signal.removeEventListener("abort", onAbort);
    };
    const onStateChange = (state: PipeState): void => {
      if (state.kind === "open") {
        opened = true;
        settle();
        resolve(pipe);
      } else if (state.kind !== "connecting" && !ended) {
        ended = true;
        settle();
        const error = state.kind === "closed" ? state.error : undefined;
        if (opened) onEnd(error);
        else reject(error ?? new BigMapError("UNAVAILABLE", `${channel.address} ended the pipe before it stood`));
      }
    };
    const late = (): void => giveUp(new BigMapError("UNAVAILABLE", `${channel.address} did not open a pipe in time`));
    const cancelTimer = clock.setTimer(Math.max(1, deadlineMs - clock.monotonicMs()), late);
    const window = background
      ? { windowMaxOperations: limits.backgroundPipeMaxOperations, windowMaxBytes: limits.backgroundPipeMaxBytes }
      : {};
    const pipe = new PipeClient(channel.openPipe(mapMethods.pipe, background), { clock, onStateChange, ...window });
    signal.addEventListener("abort", onAbort, { once: true });
  });
}
