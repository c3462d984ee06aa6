import { ManualClock } from "../../src/testing/manual-clock.js";
import { HeldReads } from "./held-reads.js";
import { NodeUnderTest, settleAll } from "./node-under-test.js";

const stepMs = 7;
/** After a step of 7 ms the survey rests so long. */
export const surveyRestMs = 9 * stepMs;

/** Virtual time in which work takes time too. */
class WorkingClock extends ManualClock {
  workedMs = 0;

  override monotonicMs(): number {
    return super.monotonicMs() + this.workedMs;
  }
}

/** A node whose reads are counted, and whose absence survey makes one step at opening and further ones only when the test says so. */
export class SurveyedNode {
  readonly clock = new WorkingClock();
  /** The engine of the node that was opened last. */
  engine!: HeldReads;
  subject!: NodeUnderTest;
  /** Steps of the survey so far, of all nodes that were opened. */
  steps = 0;
  /** Set to fail them. */
  onStep: () => void = () => undefined;

  static async open(): Promise<SurveyedNode> {
    const surveyed = new SurveyedNode();
    surveyed.subject = await NodeUnderTest.open({
      clock: surveyed.clock,
      capBytes: 2 ** 26,
      wrap: (engine) => (surveyed.engine = new HeldReads(engine, () => surveyed.#step())),
    });
    return surveyed;
  }

  #step(): void {
    this.steps++;
    this.clock.workedMs += stepMs;
    this.onStep();
  }

  /** The survey makes its next step, if there is one. */
  async goOn(): Promise<void> {
    await this.clock.advanceAndSettle(surveyRestMs);
    await settleAll();
  }
}
