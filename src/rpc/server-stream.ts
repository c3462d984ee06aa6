import type { ServerWritableStream } from "@grpc/grpc-js";
import type { MessageCodec } from "../proto/message-codec.js";

/**
 * Sends each message of `messages`, no faster than the reader takes them. Ends the source when the signal is aborted, and
 * then rejects with the signal's reason.
 */
export async function streamMessages<Response>(
  messages: AsyncIterable<Response>,
  codec: MessageCodec<Response>,
  call: ServerWritableStream<Buffer, Buffer>,
  signal: AbortSignal,
): Promise<void> {
  const source = messages[Symbol.asyncIterator]();
  const aborted = rejectionOf(signal);
  try {
    for (;;) {
      const next = await Promise.race([source.next(), aborted.promise]);
      if (next.done === true) return;
      if (!call.write(codec.encode(next.value))) await Promise.race([drained(call), aborted.promise]);
    }
  } catch (error) {
    // The source may be in the middle of a wait that never ends, so its own end is not waited for.
    void source.return?.().catch(() => undefined);
    throw error;
  } finally {
    aborted.forget();
  }
}

function drained(call: ServerWritableStream<Buffer, Buffer>): Promise<void> {
  return new Promise((resolve) => call.once("drain", resolve));
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
