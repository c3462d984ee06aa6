import type { ServerWritableStream } from "@grpc/grpc-js";
import { BigMapError } from "../base/errors.js";
import { limits } from "../base/limits.js";
import type { MessageCodec } from "../proto/message-codec.js";
import { resetStream } from "./call-stream.js";
import type { Flow, StallWatch } from "./stall-watch.js";

/**
 * Sends each message of `messages` when the gRPC library has taken the one before it; it may hold some ten. Ends the source when the
 * signal is aborted, and then rejects with its reason. Errors: DEADLINE_EXCEEDED where none is taken for `streamStallMostMs`, or up to
 * twice as long; then the call is cut off.
 */
export async function streamMessages<Response>(
  messages: AsyncIterable<Response>,
  codec: MessageCodec<Response>,
  call: ServerWritableStream<Buffer, Buffer>,
  signal: AbortSignal,
  stalls: StallWatch,
): Promise<void> {
  const source = messages[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await untilAborted(source.next(), signal);
      if (next.done === true) return;
      await written(call, codec.encode(next.value), signal, stalls);
    }
  } catch (error) {
    // The source may be in the middle of a wait that never ends, so its own end is not waited for.
    void source.return?.().catch(() => undefined);
    throw error;
  }
}

/** The stream's own buffer counts messages, not bytes, and takes sixteen: it says too late that the reader is slow. */
async function written(call: ServerWritableStream<Buffer, Buffer>, frame: Buffer, signal: AbortSignal, stalls: StallWatch): Promise<void> {
  let stalled = (): void => undefined;
  // One message: what is taken of it is not told before all of it was.
  const flow: Flow = { tookSome: () => false, cutOff: () => stalled() };
  const taken = new Promise<void>((resolve, reject) => {
    stalled = (): void => {
      resetStream(call);
      const seconds = limits.streamStallMostMs / 1000;
      reject(new BigMapError("DEADLINE_EXCEEDED", `The reader of the stream took nothing for ${seconds} s`));
    };
    stalls.add(flow);
    call.write(frame, () => resolve());
  });
  // A call that was cancelled takes nothing, and says nothing.
  await untilAborted(taken, signal).finally(() => stalls.remove(flow));
}

/**
 * What the work comes to; rejects with the signal's reason as soon as it is aborted. Not a race with one promise of the signal for the
 * whole stream: it would hold on to every message until the stream ends.
 */
function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    const settled = (): void => signal.removeEventListener("abort", onAbort);
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
    void work.then(resolve, reject).finally(settled);
  });
}
