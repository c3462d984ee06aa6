import { BigMapError } from "../base/errors.js";
import { limits } from "../base/limits.js";
import { ConnectionRoom, type ConnectionShare } from "../rpc/connection-room.js";
import { ExpectedValue } from "../rpc/expected-value.js";

/** What the gate must know of a call. */
export interface ReadCall {
  /** Aborted when the caller gives up. */
  readonly signal: AbortSignal;
  /** The connection. */
  readonly peer: string;
  /** Runs it once the answer has left for the network, or never will. */
  onLeft(run: () => void): void;
}

export interface UnaryReadsOptions {
  readonly maxBytes: number;
  readonly waitingMost: number;
}

/** What an answer takes beside its values: the call's stream and its objects; and for each key of several. */
const callBytes = 1024;
const keyBytes = 32;
/** A key of several is expected to have a value of this much at least. */
const keyLeastBytes = 16 * 1024;
/** The values of an answer have no more together. */
const answerMaxBytes = limits.messageMaxBytes / 2;
/** Few, as single reads bring one value each. */
const learningPace = { upValues: 8, downValues: 16, downMost: 1 };

/**
 * A gate before unary reads: reads enter while their answers, as long as they are expected to be, have room beside those that have not
 * left (`ConnectionRoom`), and wait else, those of a connection in the order in which they came. HOT.
 */
export class UnaryReads {
  readonly #options: UnaryReadsOptions;
  readonly #room: ConnectionRoom;
  readonly #value = new ExpectedValue(limits.valueMaxBytes, learningPace);
  #stopped = false;

  constructor(options: UnaryReadsOptions = { maxBytes: limits.unaryReadsMaxBytes, waitingMost: limits.unaryReadsWaitingMost }) {
    this.#options = options;
    this.#room = new ConnectionRoom(options.maxBytes);
  }

  /** Of answers that have not left, and expected of reads under way. */
  get bytes(): number {
    return this.#room.bytes;
  }

  get waiting(): number {
    return this.#room.waiting;
  }

  get connections(): number {
    return this.#room.connections;
  }

  /**
   * Runs the read in its turn. Errors: those of `read`; the signal's reason, as soon as it is aborted before the read; OVERLOADED where
   * too many wait already; SHUTTING_DOWN.
   */
  async serve<Result>(
    keys: number,
    omitValue: boolean,
    call: ReadCall,
    read: () => Promise<Result>,
    valueBytesOf: (result: Result) => number,
  ): Promise<Result> {
    const share = this.#room.shareOf(call.peer);
    let bytes = this.#expected(keys, omitValue);
    if (share.waiting.size === 0 && this.#room.fits(share, bytes)) this.#room.change(share, bytes);
    else bytes = await this.#turn(share, keys, omitValue, call.signal);
    try {
      const result = await read();
      const valueBytes = valueBytesOf(result);
      if (!omitValue) this.#value.learn(valueBytes, keys);
      const answerBytes = callBytes + keyBytes * keys + valueBytes;
      this.#room.change(share, answerBytes - bytes);
      bytes = answerBytes;
      return result;
    } finally {
      call.onLeft(() => this.#room.change(share, -bytes));
    }
  }

  /** Those that wait are refused: a reader that stalls must not hold up the end. */
  stop(): void {
    this.#stopped = true;
    this.#room.refuseWaiting(shuttingDown);
  }

  #expected(keys: number, omitValue: boolean): number {
    if (omitValue) return callBytes + keyBytes * keys;
    const { bytes } = this.#value;
    const ofValues = keys === 1 ? bytes : keys * Math.max(bytes, keyLeastBytes);
    return Math.min(answerMaxBytes, Math.max(limits.unaryReadLeastBytes, ofValues));
  }

  #turn(share: ConnectionShare, keys: number, omitValue: boolean, signal: AbortSignal): Promise<number> {
    const { maxBytes, waitingMost } = this.#options;
    if (this.#room.waiting < waitingMost && !this.#stopped) return this.#room.turn(share, () => this.#expected(keys, omitValue), signal);
    this.#room.forget(share);
    if (this.#stopped) throw shuttingDown();
    throw new BigMapError("OVERLOADED", `Answers of ${maxBytes} bytes have not left, and ${waitingMost} reads wait already`);
  }
}

function shuttingDown(): BigMapError {
  return new BigMapError("SHUTTING_DOWN", "The replica stops");
}
