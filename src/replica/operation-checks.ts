import { BigMapError } from "../base/errors.js";
import { limits } from "../base/limits.js";
import type { OperationBatch } from "../base/operation-batch.js";
import type { Ring } from "../ring/ring.js";
import { tokenHigh, tokenLow } from "../ring/token.js";

/** Bytes of an operation's key and value. */
export function operationBytes(batch: OperationBatch, index: number): number {
  const { keyOffsets, valueOffsets } = batch;
  return (
    (keyOffsets[index + 1] as number) -
    (keyOffsets[index] as number) +
    (valueOffsets[index + 1] as number) -
    (valueOffsets[index] as number)
  );
}

/** What is wrong with an operation before anyone looks at the map. HOT. */
export function faultOf(batch: OperationBatch, index: number): BigMapError | undefined {
  const keyBytes = (batch.keyOffsets[index + 1] as number) - (batch.keyOffsets[index] as number);
  const valueBytes = (batch.valueOffsets[index + 1] as number) - (batch.valueOffsets[index] as number);
  if (keyBytes === 0) return new BigMapError("KEY_EMPTY", "The key is empty");
  if (keyBytes > limits.keyMaxBytes)
    return new BigMapError("KEY_TOO_LARGE", `The key has ${keyBytes} B; ${limits.keyMaxBytes} B are allowed`);
  if (valueBytes > limits.valueMaxBytes)
    return new BigMapError("VALUE_TOO_LARGE", `The value has ${valueBytes} B; ${limits.valueMaxBytes} B are allowed`);
  return undefined;
}

/** High and low half of the token of an operation's key. */
export function tokenAt(batch: OperationBatch, index: number): readonly [number, number] {
  const start = batch.keyOffsets[index] as number;
  const end = batch.keyOffsets[index + 1] as number;
  return [tokenHigh(batch.keys, start, end), tokenLow(batch.keys, start, end)];
}

/** Which range of the ring an operation's key falls into. */
export function placeOf(batch: OperationBatch, index: number, ring: Ring): number {
  const [high, low] = tokenAt(batch, index);
  return ring.indexOf(high, low);
}

export function allIndexes(batch: OperationBatch): number[] {
  return Array.from({ length: batch.count }, (_, i) => i);
}
