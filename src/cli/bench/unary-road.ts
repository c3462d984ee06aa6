import type { Clock } from "../../base/clock.js";
import { emptyBytes } from "../../base/bytes.js";
import { mapMethods } from "../../proto/methods.js";
import { GrpcChannel } from "../../rpc/grpc-channel.js";
import type { BenchRoad } from "./road.js";

/** One gRPC call for each operation, as a client that was generated from the proto files would do it. */
export class UnaryRoad implements BenchRoad {
  readonly name = "unary";
  readonly #channel: GrpcChannel;
  readonly #map: string;

  constructor(endpoint: string, map: string, clock: Clock) {
    this.#channel = new GrpcChannel(endpoint, clock);
    this.#map = map;
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    const answer = await this.#channel.unary(mapMethods.get, { map: this.#map, key: Buffer.from(key), omitValue: false });
    return answer.found ? answer.value : undefined;
  }

  async has(key: string): Promise<boolean> {
    return (await this.#channel.unary(mapMethods.get, { map: this.#map, key: Buffer.from(key), omitValue: true })).found;
  }

  async put(key: string, value: Uint8Array): Promise<void> {
    await this.#channel.unary(mapMethods.put, { map: this.#map, key: Buffer.from(key), value, condition: undefined });
  }

  async delete(key: string): Promise<boolean> {
    return (await this.#channel.unary(mapMethods.delete, { map: this.#map, key: Buffer.from(key), condition: undefined })).existed;
  }

  async getMany(keys: readonly string[]): Promise<readonly (Uint8Array | undefined)[]> {
    const request = { map: this.#map, keys: keys.map((key) => Buffer.from(key)), omitValue: false };
    const { results } = await this.#channel.unary(mapMethods.getMany, request);
    return results.map(({ found, value, error }) => {
      if (error !== undefined) throw error;
      return found ? value : undefined;
    });
  }

  async putMany(keys: readonly string[], values: readonly Uint8Array[]): Promise<void> {
    const updates = keys.map((key, i) => ({ key: Buffer.from(key), put: values[i], condition: undefined }));
    const { results } = await this.#channel.unary(mapMethods.write, { map: this.#map, updates });
    for (const { error } of results) if (error !== undefined) throw error;
  }

  async scan(limit: number): Promise<number> {
    const request = { map: this.#map, prefix: emptyBytes, limit, cursor: undefined, keysOnly: false, singlePage: false, noForward: false };
    let entries = 0;
    for await (const page of this.#channel.serverStream(mapMethods.scan, request)) entries += page.count;
    return entries;
  }

  close(): Promise<void> {
    this.#channel.close();
    return Promise.resolve();
  }
}
