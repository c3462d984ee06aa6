/**
 * A way to carry out operations on a map: through our client's pipe, by one gRPC call each, or through another store's
 * client. Failures reject. What is handed in is not changed as long as the run lasts.
 */
export interface BenchRoad {
  readonly name: string;
  /** The value; undefined or null, whichever the client says, where there is none. */
  get(key: string): Promise<Found>;
  has(key: string): Promise<boolean>;
  /** Resolves, to whatever the client says, when the entry is written. */
  put(key: string, value: Uint8Array): Promise<unknown>;
  /** Whether there was an entry. */
  delete(key: string): Promise<boolean>;
  /** The values in the order of the keys. */
  getMany(keys: readonly string[]): Promise<readonly Found[]>;
  /** Writes `values[i]` under `keys[i]`; rejects if one of them fails. */
  putMany(keys: readonly string[], values: readonly Uint8Array[]): Promise<unknown>;
  /** Reads up to `limit` entries with their values, from where the ring or this store begins; resolves to their number. */
  scan(limit: number): Promise<number>;
  close(): Promise<void>;
}

/** Turning null into undefined would take another promise an operation. */
export type Found = Uint8Array | undefined | null;

export type RoadName = "pipe" | "unary";
