/** What a read thread and the thread that asks it say to each other. */

/**
 * Kinds of requests in the ring. `keys`: packed keys; `rows`: the bounds of a range and the most bytes (u32 LE), packed as three keys, and
 * in the place of the most bytes of a value the most rows; `posted...`: the same, as the next message of the port.
 */
export const readKind = { keys: 1, postedKeys: 2, rows: 3, postedRows: 4 } as const;

/** Kinds of answers in the ring. `values`: packed values, or rows; `posted`: they come as a message; `failed`: a RocksFailure as JSON. */
export const readAnswerKind = { values: 1, posted: 2, failed: 3 } as const;

/** The worker's message: there are answers in the ring; or the packed values of one that was too large for it. */
export type ReadMessage = "answered" | Uint8Array;

/** Word of the memory that both threads see: whether word of answers is under way. */
export const readState = { announced: 0, words: 1 } as const;

export interface ReadWorkerData {
  readonly handle: bigint;
  readonly requests: SharedArrayBuffer;
  readonly answers: SharedArrayBuffer;
  readonly state: Int32Array;
}

/** Small, so that it stays in the processor's cache as it is written and read in turn. */
export const answerRingBytes = 2 ** 20;
/** Larger answers are handed over, not copied. Below half of the ring, so that there is always room in the end. */
export const answerCopiedMaxBytes = answerRingBytes / 4;
