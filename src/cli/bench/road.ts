/**
 * A way to carry out operations on a map: through our client's pipe, by one gRPC call each, or through another store's
 * client. Failures reject. What is handed in is not changed as long as the run lasts.
 */
export interface BenchRoad {
  readonly name: string;
  /** The value, or undefined where there is none. */
  get(key: string): Promise<Uint8Array | undefined>;
  has(key: string): Promise<boolean>;
  /** Resolves, to whatever the client says, when the entry is written. */
  put(key: string, value: Uint8Array): Promise<unknown>;
  /** Whether there was an entry. */
  delete(key: string): Promise<boolean>;
  /** The values in the order of the keys. */
  getMany(keys: readonly string[]): Promise<readonly (Uint8Array | undefined)[]>;
  /** Writes `values[i]` under `keys[i]`; rejects if one of them fails. */
  putMany(keys: readonly string[], values: readonly Uint8Array[]): Promise<unknown>;
  /** Reads up to `limit` entries with their values from the beginning of the ring, or where this store begins, and resolves to their number. */
  scan(limit: number): Promise<number>;
  close(): Promise<void>;
}

export type RoadName = "pipe" | "unary";
