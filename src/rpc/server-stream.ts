import type { ServerWritableStream } from "@grpc/grpc-js";
import type { Clock } from "../base/clock.js";
import { BigMapError } from "../base/errors.js";
import { limits } from "../base/limits.js";
import type { MessageCodec } from "../proto/message-codec.js";

/**
 * Sends each message of `messages` when the gRPC library has taken the one before it; it may hold some ten. Ends the source when the
 * signal is aborted, and then rejects with its reason. Errors: DEADLINE_EXCEEDED where none is taken for `streamStallMostMs`.
 */
export async function streamMessages<Response>(
  messages: AsyncIterable<Response>,
  codec: MessageCodec<Response>,
  call: ServerWritableStream<Buffer, Buffer>,
  signal: AbortSignal,
  clock: Clock,
): Promise<void> {
  const source = messages[Symbol.asyncIterator]();
  const aborted = rejectionOf(signal);
  try {
    for (;;) {
      const next = await Promise.race([source.next(), aborted.promise]);
      if (next.done === true) return;
      await Promise.race([written(call, codec.encode(next.value), clock), aborted.promise]);
    }
  } catch (error) {
    // The source may be in the middle of a wait that never ends, so its own end is not waited for.
    void source.return?.().catch(() => undefined);
    throw error;
  } finally {
    aborted.forget();
  }
}

/** The stream's own buffer counts messages, not bytes, and takes sixteen: it says too late that the reader is slow. */
function written(call: ServerWritableStream<Buffer, Buffer>, frame: Buffer, clock: Clock): Promise<void> {
  const taken = new Promise<void>((resolve, reject) => {
    const seconds = limits.streamStallMostMs / 1000;
    const stalled = (): void => reject(new BigMapError("DEADLINE_EXCEEDED", `The reader of the stream took nothing for ${seconds} s`));
    const cancelTimer = clock.setTimer(limits.streamStallMostMs, stalled);
    call.write(frame, () => {
      cancelTimer();
      resolve();
    });
  });
  // Nobody waits for it any more where the signal was aborted first.
  taken.catch(() => undefined);
  return taken;
}

/** A promise that rejects when the signal is aborted. */
function rejectionOf(signal: AbortSignal): { readonly promise: Promise<never>; forget(): void } {
  let onAbort = (): void => undefined;
  const promise = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(signal.reason as Error);
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
  });
  promise.catch(() => undefined);
  return { promise, forget: () => signal.removeEventListener("abort", onAbort) };
}
