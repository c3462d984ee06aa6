import { BigMapError } from "../base/errors.js";
import { limits } from "../base/limits.js";
import type { MapStatistics } from "../base/map-backend.js";
import { operationCondition, operationKind } from "../base/operation-batch.js";
import type { OperationBatchBuilder } from "../base/operation-batch-builder.js";
import { assertSignal, checkedTimeoutMs, type CallOptions } from "./call-options.js";
import type { Calls } from "./calls.js";
import { encodeKey, encodePrefix, encodeValue, type Codec } from "./codec.js";
import type { Coalescer } from "./coalescer.js";
import { packPuts, type PackedPuts } from "./packed-puts.js";
import type { Asked, Terms } from "./pending-batch.js";
import {
  EntryReceiver,
  FailuresReceiver,
  OutcomesReceiver,
  ValueReceiver,
  ValuesReceiver,
  deletedReceiver,
  foundReceiver,
  versionReceiver,
  type Receiver,
  type Reject,
  type VersionedValue,
} from "./receiver.js";
import { Scan, type ScanOptions } from "./scan.js";
import type { Update, UpdateOutcome } from "./update.js";

export interface PutOptions extends CallOptions {
  /** Only if the key has no entry. */
  readonly ifAbsent?: boolean;
  /**
   * Only if the entry is there and has this version. Versions of a key only grow, also across deletes, `clear` and restarts, so an old one
   * never holds again; but only while the map lives. In a map that is made anew after `dropMap` they begin anew, and a version that was
   * read before the drop may hold for another entry: read again after a drop, or give the new map another name.
   */
  readonly ifVersion?: number;
}

export interface DeleteOptions extends CallOptions {
  /** As with `PutOptions`. */
  readonly ifVersion?: number;
}

export interface MapCodecs<K, V> {
  readonly key: Codec<K>;
  readonly value: Codec<V>;
}

const none = operationCondition.always;
/** For receivers that resolve by themselves. */
const ignored = (): void => undefined;

/**
 * One map. Get one from `BigMap.map`; it costs nothing, and handles of one map share its traffic and its order.
 *
 * Keys have 1 byte to 4 KiB, values 0 bytes to 1 MiB. Reads are linearizable; a write is durable when its promise
 * resolves. Operations of one client on one key take effect in the order in which they were asked, awaited or not.
 * What is asked in one turn of the event loop travels together, so awaiting single operations from many places is as
 * fast as batching by hand.
 *
 * Errors that every method may have: KEY_EMPTY, KEY_TOO_LARGE, CODEC_FAILED, INVALID_ARGUMENT (nothing is sent then);
 * OVERLOADED, UNAVAILABLE, DEADLINE_EXCEEDED, CANCELLED (nothing was done); for updates OUTCOME_UNKNOWN (it may or may
 * not have been applied); CLOSED after `BigMap.close`. Reads of a map that does not exist are MAP_NOT_FOUND; its first
 * write makes it.
 */
export class MapHandle<K = string, V = Uint8Array> {
  readonly name: string;
  readonly #key: Codec<K>;
  readonly #value: Codec<V>;
  readonly #coalescer: Coalescer;
  readonly #calls: Calls;
  readonly #terms: Terms;
  readonly #valueReceiver: Receiver;
  readonly #entryReceiver: Receiver;

  /** For BigMap. */
  constructor(name: string, codecs: MapCodecs<K, V>, coalescer: Coalescer, calls: Calls, terms: Terms) {
    this.name = name;
    this.#key = codecs.key;
    this.#value = codecs.value;
    this.#coalescer = coalescer;
    this.#calls = calls;
    this.#terms = terms;
    this.#valueReceiver = new ValueReceiver(codecs.value);
    this.#entryReceiver = new EntryReceiver(codecs.value);
  }

  /** The entry's value, or undefined. */
  get(key: K, options?: CallOptions): Promise<V | undefined> {
    return this.#ask(operationKind.get, none, key, undefined, 0, this.#valueReceiver, options);
  }

  /** The entry's value and version, or undefined. */
  getEntry(key: K, options?: CallOptions): Promise<VersionedValue<V> | undefined> {
    return this.#ask(operationKind.get, none, key, undefined, 0, this.#entryReceiver, options);
  }

  has(key: K, options?: CallOptions): Promise<boolean> {
    return this.#ask(operationKind.has, none, key, undefined, 0, foundReceiver, options);
  }

  /**
   * Writes the entry and resolves to its version. Errors: VALUE_TOO_LARGE; CANISTER_FULL; CONDITION_FAILED, whose
   * `currentVersion` is the entry's version now, 0 where there is none.
   */
  put(key: K, value: V, options?: PutOptions): Promise<number> {
    try {
      const condition = conditionOf(options ?? {});
      const stored = encodeValue(this.#value, value);
      return this.#ask(operationKind.put, condition, key, stored, options?.ifVersion ?? 0, versionReceiver, options);
    } catch (error) {
      return Promise.reject(BigMapError.from(error));
    }
  }

  /** Deletes the entry and resolves to whether there was one. Errors: CONDITION_FAILED. */
  delete(key: K, options?: DeleteOptions): Promise<boolean> {
    try {
      const condition = conditionOf(options ?? {});
      return this.#ask(operationKind.delete, condition, key, undefined, options?.ifVersion ?? 0, deletedReceiver, options);
    } catch (error) {
      return Promise.reject(BigMapError.from(error));
    }
  }

  /** The values in the order of the keys, undefined where there is no entry. Each is read by itself. Rejects if one fails. */
  getMany(keys: Iterable<K>, options?: CallOptions): Promise<(V | undefined)[]> {
    return this.#whole(() => {
      const encoded = Array.from(iterable("keys", keys), (key) => encodeKey(this.#key, key));
      if (encoded.length === 0) return Promise.resolve([]);
      const terms = this.#termsOf(options);
      return new Promise<(V | undefined)[]>((resolve, reject) => {
        const receiver = new ValuesReceiver(this.#value, encoded.length);
        const settle = resolve as (values: unknown) => void;
        encoded.forEach((key, place) =>
          this.#coalescer.enqueue(operationKind.get, key, undefined, 0, receiver, settle, reject, place, terms),
        );
      });
    });
  }

  /**
   * Writes the entries, any number of them, cut into batches as they need. Atomicity ends at the entry: each is
   * applied or refused by itself and has its own outcome; `write` is the atomic one. A later entry of one key wins.
   */
  putMany(entries: Iterable<readonly [K, V]>, options?: CallOptions): Promise<UpdateOutcome[]> {
    // Nothing here keeps the entries until the answer: they are packed when this returns.
    try {
      const packs = packPuts(iterable("entries", entries), this.#key, this.#value);
      const terms = this.#termsOf(options);
      const count = packs.reduce((sum, pack) => sum + pack.count, 0);
      if (count === 0) return Promise.resolve([]);
      return new Promise((resolve, reject) => this.#enqueuePacks(packs, new OutcomesReceiver(count, resolve), reject, terms));
    } catch (error) {
      return Promise.reject(BigMapError.from(error));
    }
  }

  /**
   * Writes entries that are packed already, keys and values as they are stored, as `putMany` would: each is applied or refused by
   * itself. Resolves to what failed, by its place. `puts` is used up. Errors: INVALID_ARGUMENT where it was before.
   */
  putPacked(puts: PackedPuts, options?: CallOptions): Promise<ReadonlyMap<number, BigMapError>> {
    try {
      const terms = this.#termsOf(options);
      const operations = puts.take();
      if (operations.count === 0) return Promise.resolve(new Map());
      return new Promise((resolve, reject) =>
        this.#enqueuePacks([operations], new FailuresReceiver(operations.count, resolve), reject, terms),
      );
    } catch (error) {
      return Promise.reject(BigMapError.from(error));
    }
  }

  /** Deletes the entries of any number of keys; each by itself, with its own outcome, as `putMany`. */
  deleteMany(keys: Iterable<K>, options?: CallOptions): Promise<UpdateOutcome[]> {
    return this.#whole(() => {
      const updates = Array.from(iterable("keys", keys), (key) => this.#encode({ key, delete: true }));
      return this.#update(updates, this.#termsOf(options));
    });
  }

  /**
   * Applies the updates as one batch: all or nothing for those that fall into one data canister, each canister by
   * itself. Where one fails (CONDITION_FAILED, say), the others of its canister have BATCH_ABORTED. At most 10,000
   * updates and 8 MiB of keys and values. Errors: BATCH_TOO_LARGE.
   */
  write(updates: Iterable<Update<K, V>>, options?: CallOptions): Promise<UpdateOutcome[]> {
    return this.#whole(() => {
      const encoded = Array.from(iterable("updates", updates), (update) => this.#encode(update));
      assertBatchFits(encoded);
      const { timeoutMs, signal } = this.#termsOf(options);
      return this.#update(encoded, { timeoutMs, signal, atomic: true });
    });
  }

  /**
   * The entries in ring order, which is not the order of keys. A key that is there throughout is seen exactly once,
   * across splits too. See Scan for how to resume.
   */
  scan(options: ScanOptions<K> & { readonly keysOnly: true }): Scan<K, undefined>;
  scan(options?: ScanOptions<K>): Scan<K, V>;
  scan(options: ScanOptions<K> = {}): Scan<K, V | undefined> {
    this.#coalescer.assertOpen();
    this.#coalescer.flush();
    const prefix = options.prefix === undefined ? undefined : encodePrefix(this.#key, options.prefix);
    const codecs = { key: this.#key, value: this.#value };
    return new Scan(this.name, codecs, this.#calls, prefix, options, this.#terms.timeoutMs);
  }

  /** Deletes every entry that is there when the call arrives; atomic per canister. Resolves to how many there were. */
  clear(): Promise<number> {
    return this.#afterOwn(() => this.#calls.clear(this.name));
  }

  stats(): Promise<MapStatistics> {
    return this.#afterOwn(() => this.#calls.stats(this.name));
  }

  /** What this client asked before goes out first. */
  #afterOwn<T>(call: () => Promise<T>): Promise<T> {
    return this.#whole(() => {
      this.#coalescer.assertOpen();
      this.#coalescer.flush();
      return call();
    });
  }

  #ask<T>(
    kind: number,
    condition: number,
    key: K,
    value: Uint8Array | undefined,
    ifVersion: number,
    receiver: Receiver,
    options: CallOptions | undefined,
  ): Promise<T> {
    try {
      const terms = options === undefined ? this.#terms : this.#termsOf(options);
      return this.#coalescer.ask(kind | condition, encodeKey(this.#key, key), value, ifVersion, receiver, terms);
    } catch (error) {
      return Promise.reject(BigMapError.from(error));
    }
  }

  async #whole<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      throw BigMapError.from(error);
    }
  }

  #update(updates: readonly EncodedUpdate[], terms: Terms): Promise<UpdateOutcome[]> {
    if (updates.length === 0) return Promise.resolve([]);
    return new Promise((resolve, reject) => {
      const receiver = new OutcomesReceiver(updates.length, resolve);
      const settle = resolve as (outcomes: unknown) => void;
      if (terms.atomic) {
        const asked = updates.map((update, place): Asked => ({ ...update, receiver, resolve: settle, reject, place }));
        this.#coalescer.enqueueWhole(asked, terms);
        return;
      }
      let place = 0;
      for (const { operation, key, value, ifVersion } of updates) {
        try {
          this.#coalescer.enqueue(operation, key, value, ifVersion, receiver, settle, reject, place, terms);
        } catch (error) {
          receiver.settle(place, { ok: false, error: BigMapError.from(error) });
        }
        place++;
      }
    });
  }

  #enqueuePacks(packs: readonly OperationBatchBuilder[], receiver: Receiver, reject: Reject, terms: Terms): void {
    let firstPlace = 0;
    for (const pack of packs) {
      // Taken first: the pack is not to be used afterwards.
      const { count } = pack;
      this.#coalescer.enqueuePacked(pack, receiver, ignored, reject, firstPlace, terms);
      firstPlace += count;
    }
  }

  #encode(update: Update<K, V>): EncodedUpdate {
    const condition = conditionOf(update);
    const key = encodeKey(this.#key, update.key);
    const ifVersion = update.ifVersion ?? 0;
    if ("put" in update && "delete" in update) throw new BigMapError("INVALID_ARGUMENT", "An update has either put or delete: true");
    if ("put" in update) return { operation: operationKind.put | condition, key, value: encodeValue(this.#value, update.put), ifVersion };
    if (update.delete !== true) throw new BigMapError("INVALID_ARGUMENT", "An update has either put or delete: true");
    return { operation: operationKind.delete | condition, key, value: undefined, ifVersion };
  }

  #termsOf(options: CallOptions | undefined): Terms {
    const { timeoutMs, signal } = options ?? {};
    if (timeoutMs === undefined && signal === undefined) return this.#terms;
    if (signal !== undefined) assertSignal(signal);
    return this.#coalescer.termsFor(checkedTimeoutMs(timeoutMs ?? this.#terms.timeoutMs), signal);
  }
}

interface EncodedUpdate {
  readonly operation: number;
  readonly key: Uint8Array | string;
  readonly value: Uint8Array | undefined;
  readonly ifVersion: number;
}

/** For callers without types: anything else would be taken for an empty list. Errors: INVALID_ARGUMENT. */
function iterable<T>(name: string, values: Iterable<T>): Iterable<T> {
  const isText = typeof values === "string";
  if (!isText && typeof (values as Iterable<T> | null | undefined)?.[Symbol.iterator] === "function") return values;
  throw new BigMapError("INVALID_ARGUMENT", `The ${name} are not an array or another iterable`);
}

function conditionOf({ ifAbsent, ifVersion }: { readonly ifAbsent?: boolean; readonly ifVersion?: number }): number {
  // A truthy value that is not true would drop the condition, and overwrite.
  if (ifAbsent !== undefined && typeof ifAbsent !== "boolean") throw new BigMapError("INVALID_ARGUMENT", "ifAbsent is true or false");
  if (ifVersion === undefined) return ifAbsent === true ? operationCondition.ifAbsent : none;
  if (ifAbsent === true) throw new BigMapError("INVALID_ARGUMENT", "ifAbsent and ifVersion exclude each other");
  if (!Number.isSafeInteger(ifVersion) || ifVersion < 0) throw new BigMapError("INVALID_ARGUMENT", `${ifVersion} is not a version`);
  return operationCondition.ifVersion;
}

function assertBatchFits(updates: readonly EncodedUpdate[]): void {
  let sizeBytes = 0;
  for (const { key, value } of updates) sizeBytes += Buffer.byteLength(key) + (value?.length ?? 0);
  if (updates.length > limits.batchMaxOperations || sizeBytes > limits.batchMaxBytes) {
    const most = `${limits.batchMaxOperations} updates and ${limits.batchMaxBytes} bytes`;
    throw new BigMapError("BATCH_TOO_LARGE", `The batch has ${updates.length} updates and ${sizeBytes} bytes; at most ${most} are allowed`);
  }
}
