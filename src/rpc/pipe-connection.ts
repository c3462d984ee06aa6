import { Metadata } from "@grpc/grpc-js";
import { giveBytes } from "../base/byte-pool.js";
import type { Clock } from "../base/clock.js";
import { assert, BigMapError } from "../base/errors.js";
import type { SessionId } from "../base/ids.js";
import { limits } from "../base/limits.js";
import { resultStatus, type OperationTarget, type ResultBatch, type ResultSink } from "../base/operation-batch.js";
import { encodePipeClosing, encodePipeResponse, type PipeAnswer } from "../proto/pipe-response-codec.js";
import { decodePipeRequest } from "../proto/pipe-request-codec.js";
import { toGrpcStatus } from "./grpc-status.js";
import { PipeIntake } from "./pipe-intake.js";
import { resetStream } from "./call-stream.js";
import type { PipeCall } from "./service.js";
import type { SharedRoom } from "./shared-room.js";
import type { Flow, StallWatch } from "./stall-watch.js";

export interface PipeConnectionPorts {
  readonly target: OperationTarget;
  readonly clock: Clock;
  readonly sessionId: SessionId;
  /** Of all pipes of the server together. */
  readonly allUnsent: UnsentAnswers;
  /** Of the pipes with the same target. */
  readonly sharedRoom: SharedRoom;
  readonly stalls: StallWatch;
  /** Called once, when the pipe has ended in whatever way. */
  readonly onEnd: () => void;
}

/** Answers that clients have not taken. */
export interface UnsentAnswers {
  bytes: number;
}

/** Then a pipe may have only few: many clients that do not read must not take the memory of all the others. */
function isCrowded({ bytes }: UnsentAnswers): boolean {
  return bytes >= limits.pipesReplyTargetBytes;
}

/** Answers are not gathered past this many bytes. */
const gatheredTargetBytes = 256 * 1024;

/** So many messages may be with the gRPC library: each takes memory beside its bytes. */
const unsentMessagesMost = 1_024;

/** Less than this part of what is under way is few answers. */
const smallPart = 4;

/** Why a pipe stops reading: the client said its last, the server drains, or a frame was wrong. */
type Ending = { readonly kind: "half-closed" } | { readonly kind: "draining" } | { readonly kind: "failed"; readonly error: BigMapError };

/**
 * The server's end of one pipe. It reads while the operations in its hands and the answers that the client has not taken
 * stay within their limits, answers everything that it accepted, and then ends. HOT.
 */
export class PipeConnection implements Flow {
  readonly #onTurnEnd = (): void => this.#endTurn();
  readonly #untakenBytes = (): number => this.#unsentBytes + this.#gatheredBytes;
  readonly #refusal = (): BigMapError | undefined =>
    this.#untakenBytes() < (isCrowded(this.#ports.allUnsent) ? limits.pipeReplyCrowdedBytes : limits.pipeReplyMaxBytes)
      ? undefined
      : new BigMapError("OVERLOADED", "Too many answers of this connection have not been taken");
  readonly #call: PipeCall;
  readonly #ports: PipeConnectionPorts;
  readonly #intake: PipeIntake;
  #lastBatchId = 0;
  #unansweredOperations = 0;
  #unansweredBytes = 0;
  /** Encoded answers that the network has not taken. */
  #unsentBytes = 0;
  #unsentMessages = 0;
  /** Answers may be so many bytes; little until the client was seen to take some: many that read nothing must not come to much. */
  #targetBytes: number = limits.pipeReplyCrowdedBytes;
  #tookSome = false;
  /** What was answered in this turn of the loop and is not encoded. */
  #gathered: PipeAnswer[] = [];
  #gatheredBytes = 0;
  #gatheredResults = 0;
  #isPutOff = false;
  #paused = false;
  #ending: Ending | undefined;
  #ended = false;
  #isLetGo = false;

  constructor(call: PipeCall, ports: PipeConnectionPorts) {
    this.#call = call;
    this.#ports = ports;
    const { target, clock, sessionId, sharedRoom } = ports;
    const targetBytes = (): number => (isCrowded(ports.allUnsent) ? limits.pipeReplyCrowdedBytes : this.#targetBytes);
    this.#intake = new PipeIntake({ target, clock, sessionId, sharedRoom, untakenBytes: this.#untakenBytes, targetBytes });
    call.on("data", (frame: Buffer) => this.#onFrame(frame));
    call.on("end", () => this.#beginEnd({ kind: "half-closed" }));
    call.on("error", () => this.#end());
    // Comes in any case, once all was sent or nothing more can be.
    call.on("cancelled", () => {
      this.#end();
      this.#letGo();
    });
    // The headers tell the client that the pipe stands: only then does it send.
    call.sendMetadata(new Metadata());
  }

  /** Stops reading, answers what was accepted, names the last batch and ends. */
  drain(): void {
    this.#beginEnd({ kind: "draining" });
  }

  tookSome(): boolean {
    const tookSome = this.#tookSome;
    this.#tookSome = false;
    return tookSome;
  }

  cutOff(): void {
    resetStream(this.#call);
  }

  #onFrame(frame: Buffer): void {
    if (this.#ending !== undefined || this.#ended) return;
    try {
      this.#accept(frame);
    } catch (error) {
      this.#beginEnd({ kind: "failed", error: BigMapError.from(error) });
    }
  }

  #accept(frame: Buffer): void {
    const { batchId, batch } = decodePipeRequest(frame, this.#ports.clock.monotonicMs());
    if (batchId !== this.#lastBatchId + 1) throw new BigMapError("FRAME_INVALID", `Batch ${batchId} follows batch ${this.#lastBatchId}`);
    this.#lastBatchId = batchId;
    if (batch.count === 0) return;
    this.#unansweredOperations += batch.count;
    this.#unansweredBytes += frame.length;
    this.#throttle();
    this.#intake.submit(batch, this.#sinkOf(batchId, batch.count, frame.length));
  }

  #sinkOf(batchId: number, operations: number, frameBytes: number): ResultSink {
    let missing = operations;
    return {
      refusal: this.#refusal,
      deliver: (results) => {
        missing -= results.count;
        assert(missing >= 0, "each operation is answered once");
        this.#deliver(batchId, results, missing === 0 ? frameBytes : 0);
      },
    };
  }

  #deliver(batchId: number, results: ResultBatch, answeredFrameBytes: number): void {
    this.#unansweredOperations -= results.count;
    this.#unansweredBytes -= answeredFrameBytes;
    if (this.#ended || results.count === 0) return;
    const refusal = this.#refusal();
    this.#gather({ batchId, results: refusal === undefined ? results : withoutValues(results, refusal) });
    if (refusal !== undefined) giveBytes(results.values);
    this.#throttle();
    this.#endIfAnswered();
  }

  /**
   * What is answered in one turn goes out as one message: a message costs both ends as much as dozens of operations, and a batch of
   * which some keys are cached, others read and others written is answered in many parts. Where nothing is left to answer there is
   * nothing to wait for.
   */
  #gather(answer: PipeAnswer): void {
    this.#gathered.push(answer);
    this.#gatheredBytes += roughBytes(answer.results);
    this.#gatheredResults += answer.results.count;
    if (this.#unansweredOperations === 0 || this.#gatheredBytes >= gatheredTargetBytes) this.#sendGathered();
    else if (this.#gathered.length === 1) setImmediate(this.#onTurnEnd);
  }

  /** A small part of what is under way waits for one turn more: a message costs both ends as much as dozens of operations. */
  #endTurn(): void {
    // Sent before the turn was over.
    if (this.#gathered.length === 0) return;
    const isSmall = this.#gatheredResults * smallPart < this.#unansweredOperations;
    if (!isSmall || this.#isPutOff) {
      this.#sendGathered();
      return;
    }
    this.#isPutOff = true;
    setImmediate(this.#onTurnEnd);
  }

  #sendGathered(): void {
    this.#gatheredResults = 0;
    this.#isPutOff = false;
    const answers = this.#gathered;
    this.#gathered = [];
    this.#gatheredBytes = 0;
    if (this.#ended) return;
    this.#write(encodePipeResponse(answers));
    for (const { results } of answers) giveBytes(results.values);
  }

  #write(frame: Buffer): void {
    this.#unsentBytes += frame.length;
    if (this.#unsentMessages++ === 0) this.#ports.stalls.add(this);
    this.#ports.allUnsent.bytes += frame.length;
    this.#call.write(frame, () => {
      if (this.#isLetGo) return;
      this.#tookSome = true;
      this.#targetBytes = Math.min(this.#targetBytes + frame.length, limits.pipeReplyTargetBytes);
      this.#ports.allUnsent.bytes -= frame.length;
      this.#unsentBytes -= frame.length;
      if (--this.#unsentMessages === 0) this.#ports.stalls.remove(this);
      // grpc-js has put it into a buffer of its own.
      giveBytes(frame);
      this.#throttle();
      this.#intake.resume();
    });
  }

  /**
   * Counts itself what is unsent: the stream is full after 16 messages, and says that it has room only when it is empty, which it never
   * is while large answers follow each other; a small get would not be read until they end.
   */
  #throttle(): void {
    const isFull =
      this.#unsentBytes >= limits.pipeReplyTargetBytes ||
      this.#unsentMessages >= unsentMessagesMost ||
      this.#unansweredOperations >= limits.pipeMaxOperations ||
      this.#unansweredBytes >= limits.pipeMaxBytes;
    if (isFull === this.#paused || this.#ending !== undefined) return;
    this.#paused = isFull;
    if (isFull) this.#call.pause();
    else this.#call.resume();
  }

  #beginEnd(ending: Ending): void {
    if (this.#ending !== undefined || this.#ended) return;
    this.#ending = ending;
    // What still comes is read and thrown away, so that the client's end of the stream is noticed.
    this.#call.resume();
    this.#endIfAnswered();
  }

  #endIfAnswered(): void {
    const ending = this.#ending;
    if (ending === undefined || this.#ended || this.#unansweredOperations > 0) return;
    this.#end();
    if (ending.kind === "failed") {
      this.#call.emit("error", toGrpcStatus(ending.error));
      return;
    }
    if (ending.kind === "draining") this.#call.write(encodePipeClosing(this.#lastBatchId));
    this.#call.end();
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#intake.clear();
    this.#ports.onEnd();
  }

  #letGo(): void {
    if (this.#isLetGo) return;
    this.#isLetGo = true;
    this.#ports.stalls.remove(this);
    this.#ports.allUnsent.bytes -= this.#unsentBytes;
    this.#unsentBytes = 0;
  }
}

/** What the results take in a message, at most or little more. */
function roughBytes({ values, count, errors }: ResultBatch): number {
  return values.length + count * 16 + errors.size * 512;
}

/**
 * The results with OVERLOADED in place of every value: a client that does not take its answers must not fill our memory. The intake
 * lets it come to that only where values are much larger than those before.
 */
function withoutValues(results: ResultBatch, error: BigMapError): ResultBatch {
  const errors = new Map(results.errors);
  const statuses = results.statuses.slice();
  const versions = results.versions.slice();
  for (let i = 0; i < results.count; i++) {
    if (statuses[i] !== resultStatus.foundValue) continue;
    statuses[i] = resultStatus.failed;
    versions[i] = 0;
    errors.set(i, error);
  }
  return { ...results, statuses, versions, values: new Uint8Array(0), valueOffsets: new Uint32Array(results.count + 1), errors };
}
