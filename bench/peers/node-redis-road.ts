import { createClient, RESP_TYPES } from "redis";
import type { BenchRoad, Found } from "../../src/cli/bench/road.js";

/** The part of node-redis that is used here, with blob strings mapped to Buffers. */
interface Client {
  get(key: string): Promise<Buffer | null>;
  exists(key: string): Promise<number>;
  set(key: string, value: Buffer): Promise<unknown>;
  del(key: string): Promise<number>;
  mGet(keys: readonly (string | Buffer)[]): Promise<readonly (Buffer | null)[]>;
  mSet(entries: readonly (string | Buffer)[]): Promise<unknown>;
  scan(cursor: string, options: { readonly COUNT: number }): Promise<{ readonly keys: readonly Buffer[] }>;
  close(): Promise<void>;
}

/** Redis through node-redis. */
export class NodeRedisRoad implements BenchRoad {
  readonly name = "redis-always-node-redis";
  readonly #client: Client;

  private constructor(client: Client) {
    this.#client = client;
  }

  static async connect(port: number): Promise<NodeRedisRoad> {
    // Its timeout of 5 s makes an abort signal for every command, which takes more time than all else; ioredis has none either.
    const client = createClient({ socket: { host: "127.0.0.1", port }, commandOptions: { timeout: 0 } });
    // Without a listener an error would end the process; the calls that it breaks reject anyway.
    client.on("error", () => undefined);
    await client.connect();
    return new NodeRedisRoad(client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer }) as unknown as Client);
  }

  get(key: string): Promise<Found> {
    return this.#client.get(key);
  }

  async has(key: string): Promise<boolean> {
    return (await this.#client.exists(key)) === 1;
  }

  put(key: string, value: Uint8Array): Promise<unknown> {
    return this.#client.set(key, value as Buffer);
  }

  async delete(key: string): Promise<boolean> {
    return (await this.#client.del(key)) === 1;
  }

  getMany(keys: readonly string[]): Promise<readonly Found[]> {
    return this.#client.mGet(keys);
  }

  putMany(keys: readonly string[], values: readonly Uint8Array[]): Promise<unknown> {
    return this.#client.mSet(keys.flatMap((key, i) => [key, values[i] as Buffer]));
  }

  async scan(limit: number): Promise<number> {
    const { keys } = await this.#client.scan("0", { COUNT: limit });
    return keys.length === 0 ? 0 : (await this.#client.mGet(keys)).length;
  }

  close(): Promise<void> {
    return this.#client.close();
  }
}
