import { limits } from "../base/limits.js";
import { ExpectedValue } from "./expected-value.js";

/** What an answer takes beside its value. */
const answerOverheadBytes = 16;

/** From the largest value down to 10 KiB. */
const firstParts = 16;

/** What is expected of the answers to gets under way. HOT. */
export class ExpectedAnswers {
  /** Submitted and not answered. */
  gets = 0;
  readonly #value: ExpectedValue;

  /** `downValues`: so many gets of smaller values than were expected change that wholly, once it is no first guess. */
  constructor(valueBytes: number, downValues: number, isGuess: boolean) {
    this.#value = new ExpectedValue(valueBytes, { upValues: 64, downValues, downMost: 1 / 4, firstParts: isGuess ? firstParts : 0 });
  }

  /** What a get is expected to take. */
  get bytesOfOne(): number {
    return this.#value.bytes + answerOverheadBytes;
  }

  get bytes(): number {
    return this.gets * this.bytesOfOne;
  }

  /** Whether any values were answered. */
  get hasLearned(): boolean {
    return this.#value.hasLearned;
  }

  learn(valueBytes: number, gets: number): void {
    this.#value.learn(valueBytes, gets);
  }
}

/**
 * For gets that go on as they come. Until values were answered they are taken for the largest, so that one goes at first: pipes that are
 * opened together, and read nothing, would come to much memory. Later they share what all of the pipe learned.
 */
export function expectedOfPipe(): ExpectedAnswers {
  return new ExpectedAnswers(limits.valueMaxBytes, 256, true);
}

/** For a batch that waits: what the pipe learned is where it begins, and its own values soon say more. */
export function expectedOfBatch(ofPipe: ExpectedAnswers): ExpectedAnswers {
  return new ExpectedAnswers(ofPipe.bytesOfOne - answerOverheadBytes, 64, !ofPipe.hasLearned);
}
