import { limits } from "../base/limits.js";

/** So many gets of larger values than were expected change what is expected wholly. */
const learnedUpGets = 64;
/** One turn's answers take away no more of it than this. */
const learnedDownMost = 1 / 4;
/** What an answer takes beside its value. */
const answerOverheadBytes = 16;

/** What is expected of the values of gets under way, by those that came before. HOT. */
export class ExpectedAnswers {
  /** Submitted and not answered. */
  gets = 0;
  /** What a get is expected to take. Whole bytes, so that sums come out even. */
  bytesOfOne: number;
  /** Whether any values were answered. */
  hasLearned = false;
  readonly #learnedDownGets: number;

  /** So many gets of smaller values than were expected change that wholly. */
  constructor(valueBytes: number, learnedDownGets: number) {
    this.bytesOfOne = valueBytes + answerOverheadBytes;
    this.#learnedDownGets = learnedDownGets;
  }

  get bytes(): number {
    return this.gets * this.bytesOfOne;
  }

  /** Quickly where values are larger than expected; slowly where they are smaller, as a few missing keys say little of the next values. */
  learn(valueBytes: number, gets: number): void {
    const difference = valueBytes / gets + answerOverheadBytes - this.bytesOfOne;
    const share =
      difference <= 0 ? Math.min(learnedDownMost, gets / this.#learnedDownGets) : this.hasLearned ? Math.min(1, gets / learnedUpGets) : 1;
    this.bytesOfOne += Math.round(difference * share);
    this.hasLearned = true;
  }
}

/**
 * For gets that go on as they come. Until values were answered so few go together that the largest find room; later they share what
 * all of the pipe learned.
 */
export function expectedOfPipe(): ExpectedAnswers {
  return new ExpectedAnswers(limits.pipeReplyTargetBytes / 64, 256);
}

/** For a batch that waits: what the pipe learned is where it begins, and its own values soon say more. */
export function expectedOfBatch(ofPipe: ExpectedAnswers): ExpectedAnswers {
  return new ExpectedAnswers(ofPipe.bytesOfOne - answerOverheadBytes, 64);
}
