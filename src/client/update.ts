import type { BigMapError } from "../base/errors.js";

/** One update of `write`: a put or a delete, with or without a condition. */
export type Update<K, V> = PutUpdate<K, V> | DeleteUpdate<K>;

export interface PutUpdate<K, V> {
  readonly key: K;
  readonly put: V;
  /** Only if the key has no entry. */
  readonly ifAbsent?: boolean;
  /** Only if the entry is there and has this version; see `PutOptions`. */
  readonly ifVersion?: number;
}

export interface DeleteUpdate<K> {
  readonly key: K;
  readonly delete: true;
  /** As with a put. */
  readonly ifVersion?: number;
}

/** What became of one update of many. */
export type UpdateOutcome =
  | {
      readonly ok: true;
      /** After a put the entry's version; 0 after a delete. */
      readonly version: number;
      /** After a delete whether there was an entry; false after a put, which does not look. */
      readonly existed: boolean;
    }
  | { readonly ok: false; readonly error: BigMapError };
