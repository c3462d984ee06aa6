import { bytes, utf8 } from "../../client/codec.js";
import type { BigMap } from "../../client/bigmap.js";
import type { MapHandle } from "../../client/map-handle.js";
import type { BenchRoad } from "./road.js";

/** Our client: operations that are asked in one turn of the loop travel together. */
export class PipeRoad implements BenchRoad {
  readonly name = "pipe";
  readonly #handle: MapHandle<string>;

  constructor(bigmap: BigMap, map: string) {
    this.#handle = bigmap.map(map, { key: utf8, value: bytes });
  }

  get(key: string): Promise<Uint8Array | undefined> {
    return this.#handle.get(key);
  }

  has(key: string): Promise<boolean> {
    return this.#handle.has(key);
  }

  put(key: string, value: Uint8Array): Promise<unknown> {
    return this.#handle.put(key, value);
  }

  delete(key: string): Promise<boolean> {
    return this.#handle.delete(key);
  }

  getMany(keys: readonly string[]): Promise<readonly (Uint8Array | undefined)[]> {
    return this.#handle.getMany(keys);
  }

  async putMany(keys: readonly string[], values: readonly Uint8Array[]): Promise<void> {
    const outcomes = await this.#handle.putMany(keys.map((key, i) => [key, values[i] as Uint8Array] as const));
    for (const outcome of outcomes) if (!outcome.ok) throw outcome.error;
  }

  async scan(limit: number): Promise<number> {
    let entries = 0;
    for await (const _entry of this.#handle.scan({ limit })) entries++;
    return entries;
  }

  /** The client belongs to the caller. */
  close(): Promise<void> {
    return Promise.resolve();
  }
}
