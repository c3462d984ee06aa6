import type { PendingBatch } from "./pending-batch.js";

/** Who waits for a signal: one listener for each batch whose callers gave one. */
export class AbortListeners {
  readonly #listeners = new Map<PendingBatch, () => void>();

  listen(batch: PendingBatch, signal: AbortSignal, onAbort: () => void): void {
    this.#listeners.set(batch, onAbort);
    signal.addEventListener("abort", onAbort, { once: true });
  }

  forget(batch: PendingBatch): void {
    const listener = this.#listeners.get(batch);
    if (listener === undefined) return;
    this.#listeners.delete(batch);
    batch.terms.signal?.removeEventListener("abort", listener);
  }
}
