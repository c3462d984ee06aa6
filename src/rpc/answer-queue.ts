import { noErrors, resultStatus, type ResultBatch } from "../base/operation-batch.js";
import type { BigMapError } from "../base/errors.js";
import type { PipeAnswer } from "../proto/pipe-response-codec.js";

/** Taken answers are let go once there are so many, and at least as many as wait: a busy queue may never be empty. */
const takenMost = 64;

/** Answers in the order in which they came, which can be taken in parts. */
export class AnswerQueue {
  #answers: PipeAnswer[] = [];
  #head = 0;

  get isEmpty(): boolean {
    return this.#head === this.#answers.length;
  }

  /** Whether the oldest answer is one to updates: its first result tells for all. The queue must not be empty. */
  get nextIsOfUpdates(): boolean {
    const { results } = this.#answers[this.#head] as PipeAnswer;
    return (results.statuses[0] as number) >= resultStatus.written;
  }

  /** One without results answers nothing. */
  push(answer: PipeAnswer): void {
    if (answer.results.count > 0) this.#answers.push(answer);
  }

  /** The oldest answer, or its first `most` results. The queue must not be empty. */
  take(most: number): PipeAnswer {
    const answer = this.#answers[this.#head] as PipeAnswer;
    const { batchId, results } = answer;
    if (results.count > most) {
      this.#answers[this.#head] = { batchId, results: resultsBetween(results, most, results.count) };
      return { batchId, results: resultsBetween(results, 0, most) };
    }
    this.#head++;
    if (this.isEmpty) this.clear();
    else if (this.#head >= takenMost && this.#head * 2 >= this.#answers.length) this.#letGo();
    return answer;
  }

  clear(): void {
    this.#answers = [];
    this.#head = 0;
  }

  #letGo(): void {
    this.#answers = this.#answers.slice(this.#head);
    this.#head = 0;
  }
}

/** Results `start` to `end` (exclusive), as views of the same memory. */
function resultsBetween(results: ResultBatch, start: number, end: number): ResultBatch {
  const { indexes, statuses, versions, values, valueOffsets, errors } = results;
  return {
    count: end - start,
    indexes: indexes === undefined ? Uint32Array.from({ length: end - start }, (_, i) => start + i) : indexes.subarray(start, end),
    statuses: statuses.subarray(start, end),
    versions: versions.subarray(start, end),
    values,
    valueOffsets: valueOffsets.subarray(start, end + 1),
    errors: errors.size === 0 ? noErrors : errorsBetween(errors, start, end),
  };
}

function errorsBetween(errors: ReadonlyMap<number, BigMapError>, start: number, end: number): ReadonlyMap<number, BigMapError> {
  const between = new Map<number, BigMapError>();
  for (const [place, error] of errors) if (place >= start && place < end) between.set(place - start, error);
  return between;
}
