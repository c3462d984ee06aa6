/** A way to carry out one operation at a time: through our client's pipe, or by one gRPC call each. */
export interface BenchRoad {
  readonly name: RoadName;
  /** The value, or undefined where there is none. */
  get(key: string): Promise<Uint8Array | undefined>;
  has(key: string): Promise<boolean>;
  put(key: string, value: Uint8Array): Promise<void>;
  delete(key: string): Promise<void>;
  /** Reads up to `limit` entries from the beginning of the ring and resolves to their number. */
  scan(limit: number): Promise<number>;
  close(): Promise<void>;
}

export type RoadName = "pipe" | "unary";
