import { BigMapError } from "../base/errors.js";
import { limits } from "../base/limits.js";
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

interface Connection {
  readonly peer: string;
  bytes: number;
  readonly waiting: Set<Waiting>;
}

interface Waiting {
  readonly keys: number;
  readonly omitValue: boolean;
  readonly enter: (expectedBytes: number) => void;
  readonly refuse: (error: BigMapError) => void;
}

/** What an answer takes beside its values: the call's stream and its objects; and for each key of several. */
const callBytes = 1024;
const keyBytes = 32;
/** A key of several is expected to have a value of this much at least. */
const keyLeastBytes = 16 * 1024;
/** The values of an answer have no more together. */
const answerMaxBytes = limits.messageMaxBytes / 2;
/** A connection may have this part of what is free. */
const shareOfFree = 1 / 3;
/** A connection's only read may enter past the bound, up to this multiple of it: dozens of stalled connections do not stop another. */
const boundOfFirsts = 2;
/** Few, as single reads bring one value each. */
const learningPace = { upValues: 8, downValues: 16, downMost: 1 };

/**
 * A gate before unary reads: their answers stay in memory until the connection takes them, however slow its reader is. Reads enter while
 * those of their connection have no more bytes than a third of what is free of all, and wait else, in the order in which they came;
 * connections take turns. So stalled connections leave room for others, and all together keep to twice the bound. HOT.
 */
export class UnaryReads {
  readonly #options: UnaryReadsOptions;
  readonly #connections = new Map<string, Connection>();
  /** Those with reads that wait. */
  readonly #lines = new Set<Connection>();
  #bytes = 0;
  #waiting = 0;
  readonly #value = new ExpectedValue(limits.valueMaxBytes, learningPace);
  #stopped = false;

  constructor(options: UnaryReadsOptions = { maxBytes: limits.unaryReadsMaxBytes, waitingMost: limits.unaryReadsWaitingMost }) {
    this.#options = options;
  }

  /** Of answers that have not left, and expected of reads under way. */
  get bytes(): number {
    return this.#bytes;
  }

  get waiting(): number {
    return this.#waiting;
  }

  get connections(): number {
    return this.#connections.size;
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
    const connection = this.#connectionOf(call.peer);
    let bytes = this.#expected(keys, omitValue);
    if (connection.waiting.size === 0 && this.#fits(connection, bytes)) this.#change(connection, bytes);
    else bytes = await this.#turn(connection, keys, omitValue, call.signal);
    try {
      const result = await read();
      const valueBytes = valueBytesOf(result);
      if (!omitValue) this.#value.learn(valueBytes, keys);
      const answerBytes = callBytes + keyBytes * keys + valueBytes;
      this.#change(connection, answerBytes - bytes);
      bytes = answerBytes;
      return result;
    } finally {
      call.onLeft(() => this.#change(connection, -bytes));
    }
  }

  /** Those that wait are refused: a reader that stalls must not hold up the end. */
  stop(): void {
    this.#stopped = true;
    for (const { waiting } of this.#lines) for (const { refuse } of waiting) refuse(shuttingDown());
  }

  #connectionOf(peer: string): Connection {
    let connection = this.#connections.get(peer);
    if (connection === undefined) {
      connection = { peer, bytes: 0, waiting: new Set() };
      this.#connections.set(peer, connection);
    }
    return connection;
  }

  #expected(keys: number, omitValue: boolean): number {
    if (omitValue) return callBytes + keyBytes * keys;
    const { bytes } = this.#value;
    const ofValues = keys === 1 ? bytes : keys * Math.max(bytes, keyLeastBytes);
    return Math.min(answerMaxBytes, Math.max(limits.unaryReadLeastBytes, ofValues));
  }

  #fits(connection: Connection, bytes: number): boolean {
    const { maxBytes } = this.#options;
    if (connection.bytes === 0) return this.#bytes < boundOfFirsts * maxBytes;
    return connection.bytes + bytes <= (maxBytes - this.#bytes) * shareOfFree;
  }

  #change(connection: Connection, bytes: number): void {
    connection.bytes += bytes;
    this.#bytes += bytes;
    if (bytes >= 0) return;
    if (this.#lines.size > 0) this.#admit();
    this.#forget(connection);
  }

  /** One of each connection in turn, as long as any fits. */
  #admit(): void {
    for (const connection of this.#lines) {
      const [first] = connection.waiting;
      if (first === undefined) continue;
      const bytes = this.#expected(first.keys, first.omitValue);
      if (!this.#fits(connection, bytes)) continue;
      first.enter(bytes);
      // To the end of the line; this loop comes by again.
      if (this.#lines.delete(connection)) this.#lines.add(connection);
    }
  }

  #forget(connection: Connection): void {
    if (connection.bytes === 0 && connection.waiting.size === 0) this.#connections.delete(connection.peer);
  }

  #turn(connection: Connection, keys: number, omitValue: boolean, signal: AbortSignal): Promise<number> {
    return new Promise((resolve, reject) => {
      const { maxBytes, waitingMost } = this.#options;
      const settle = (): void => {
        connection.waiting.delete(waiting);
        this.#waiting--;
        if (connection.waiting.size === 0) this.#lines.delete(connection);
        signal.removeEventListener("abort", onAbort);
      };
      const refuse = (error: Error): void => {
        settle();
        this.#forget(connection);
        reject(error);
      };
      const onAbort = (): void => refuse(signal.reason as Error);
      const waiting: Waiting = {
        keys,
        omitValue,
        enter: (expectedBytes) => {
          settle();
          this.#change(connection, expectedBytes);
          resolve(expectedBytes);
        },
        refuse,
      };
      const refused =
        this.#waiting >= waitingMost
          ? new BigMapError("OVERLOADED", `Answers of ${maxBytes} bytes have not left, and ${waitingMost} reads wait already`)
          : this.#stopped
            ? shuttingDown()
            : signal.aborted
              ? (signal.reason as Error)
              : undefined;
      if (refused !== undefined) {
        this.#forget(connection);
        reject(refused);
        return;
      }
      connection.waiting.add(waiting);
      this.#lines.add(connection);
      this.#waiting++;
      signal.addEventListener("abort", onAbort, { once: true });
    });
  }
}

function shuttingDown(): BigMapError {
  return new BigMapError("SHUTTING_DOWN", "The replica stops");
}
