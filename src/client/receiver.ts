/**
 * What becomes of an operation's result. One receiver object serves all operations of its sort, so that an operation
 * costs its promise and nothing else. HOT: `accept`.
 */
import { emptyBytes } from "../base/bytes.js";
import type { BigMapError } from "../base/errors.js";
import { resultStatus, type ResultBatch } from "../base/operation-batch.js";
import { decode, type Codec } from "./codec.js";
import type { UpdateOutcome } from "./update.js";

export type Resolve = (value: unknown) => void;
export type Reject = (error: unknown) => void;

export interface Receiver {
  /** `place`: the operation's place in a call that asked several. `row`: the result's place in `results`. */
  accept(resolve: Resolve, reject: Reject, place: number, results: ResultBatch, row: number): void;
  refuse(reject: Reject, place: number, error: BigMapError): void;
}

/** An entry's value and version. A version is the number of the update that wrote the entry. */
export interface VersionedValue<V> {
  readonly value: V;
  readonly version: number;
}

abstract class SingleReceiver implements Receiver {
  accept(resolve: Resolve, reject: Reject, _place: number, results: ResultBatch, row: number): void {
    let answer;
    try {
      answer = this.read(results, row);
    } catch (error) {
      reject(error);
      return;
    }
    resolve(answer);
  }

  refuse(reject: Reject, _place: number, error: BigMapError): void {
    reject(error);
  }

  protected abstract read(results: ResultBatch, row: number): unknown;
}

/** For `get`. */
export class ValueReceiver<V> extends SingleReceiver {
  readonly #codec: Codec<V>;

  constructor(codec: Codec<V>) {
    super();
    this.#codec = codec;
  }

  protected read(results: ResultBatch, row: number): V | undefined {
    return results.statuses[row] === resultStatus.foundValue ? decode(this.#codec, valueAt(results, row)) : undefined;
  }
}

/** For `getEntry`. */
export class EntryReceiver<V> extends SingleReceiver {
  readonly #codec: Codec<V>;

  constructor(codec: Codec<V>) {
    super();
    this.#codec = codec;
  }

  protected read(results: ResultBatch, row: number): VersionedValue<V> | undefined {
    if (results.statuses[row] !== resultStatus.foundValue) return undefined;
    return { value: decode(this.#codec, valueAt(results, row)), version: results.versions[row] ?? 0 };
  }
}

class FoundReceiver extends SingleReceiver {
  protected read(results: ResultBatch, row: number): boolean {
    return results.statuses[row] === resultStatus.found;
  }
}

class VersionReceiver extends SingleReceiver {
  protected read(results: ResultBatch, row: number): number {
    return results.versions[row] ?? 0;
  }
}

class DeletedReceiver extends SingleReceiver {
  protected read(results: ResultBatch, row: number): boolean {
    return results.statuses[row] === resultStatus.deleted;
  }
}

/** For `has`. */
export const foundReceiver: Receiver = new FoundReceiver();
/** For `put`. */
export const versionReceiver: Receiver = new VersionReceiver();
/** For `delete`. */
export const deletedReceiver: Receiver = new DeletedReceiver();

/** For `getMany`: the values in the order of the keys, or the first failure. */
export class ValuesReceiver<V> implements Receiver {
  readonly #codec: Codec<V>;
  readonly #values: (V | undefined)[];
  #missing: number;

  constructor(codec: Codec<V>, count: number) {
    this.#codec = codec;
    this.#values = new Array<V | undefined>(count).fill(undefined);
    this.#missing = count;
  }

  accept(resolve: Resolve, reject: Reject, place: number, results: ResultBatch, row: number): void {
    try {
      if (results.statuses[row] === resultStatus.foundValue) this.#values[place] = decode(this.#codec, valueAt(results, row));
    } catch (error) {
      reject(error);
    }
    if (--this.#missing === 0) resolve(this.#values);
  }

  /** The promise is rejected once; later failures of the same call change nothing. */
  refuse(reject: Reject, _place: number, error: BigMapError): void {
    this.#missing--;
    reject(error);
  }
}

/** For `putMany`, `deleteMany` and `write`: one outcome for each update, in their order. */
export class OutcomesReceiver implements Receiver {
  readonly #outcomes: UpdateOutcome[];
  readonly #resolve: (outcomes: UpdateOutcome[]) => void;
  #missing: number;

  constructor(count: number, resolve: (outcomes: UpdateOutcome[]) => void) {
    this.#outcomes = new Array<UpdateOutcome>(count);
    this.#missing = count;
    this.#resolve = resolve;
  }

  accept(_resolve: Resolve, _reject: Reject, place: number, results: ResultBatch, row: number): void {
    const status = results.statuses[row];
    const version = status === resultStatus.written ? (results.versions[row] ?? 0) : 0;
    this.settle(place, { ok: true, version, existed: status === resultStatus.deleted });
  }

  refuse(_reject: Reject, place: number, error: BigMapError): void {
    this.settle(place, { ok: false, error });
  }

  settle(place: number, outcome: UpdateOutcome): void {
    this.#outcomes[place] = outcome;
    if (--this.#missing === 0) this.#resolve(this.#outcomes);
  }
}

/** For `putPacked`: what failed, by its place. */
export class FailuresReceiver implements Receiver {
  readonly #failures = new Map<number, BigMapError>();
  readonly #resolve: (failures: ReadonlyMap<number, BigMapError>) => void;
  #missing: number;

  constructor(count: number, resolve: (failures: ReadonlyMap<number, BigMapError>) => void) {
    this.#missing = count;
    this.#resolve = resolve;
  }

  accept(): void {
    if (--this.#missing === 0) this.#resolve(this.#failures);
  }

  refuse(_reject: Reject, place: number, error: BigMapError): void {
    this.#failures.set(place, error);
    this.accept();
  }
}

function valueAt(results: ResultBatch, row: number): Uint8Array {
  const start = results.valueOffsets[row] as number;
  const end = results.valueOffsets[row + 1] as number;
  return start === end ? emptyBytes : results.values.subarray(start, end);
}
