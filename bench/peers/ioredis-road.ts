import { once } from "node:events";
import { Redis } from "ioredis";
import type { BenchRoad, Found } from "../../src/cli/bench/road.js";

/** Redis through ioredis: what is asked in one turn of the loop travels as one pipeline. */
export class IoredisRoad implements BenchRoad {
  readonly name: string;
  readonly #redis: Redis;

  private constructor(redis: Redis, name: string) {
    this.#redis = redis;
    this.name = name;
  }

  static async connect(port: number, name: string): Promise<IoredisRoad> {
    const redis = new Redis({ port, host: "127.0.0.1", enableAutoPipelining: true });
    await once(redis, "ready");
    return new IoredisRoad(redis, name);
  }

  get(key: string): Promise<Found> {
    return this.#redis.getBuffer(key);
  }

  async has(key: string): Promise<boolean> {
    return (await this.#redis.exists(key)) === 1;
  }

  put(key: string, value: Uint8Array): Promise<unknown> {
    return this.#redis.set(key, value as Buffer);
  }

  async delete(key: string): Promise<boolean> {
    return (await this.#redis.del(key)) === 1;
  }

  getMany(keys: readonly string[]): Promise<readonly Found[]> {
    return this.#redis.mgetBuffer(keys as string[]);
  }

  putMany(keys: readonly string[], values: readonly Uint8Array[]): Promise<unknown> {
    return this.#redis.mset(keys.flatMap((key, i) => [key, values[i] as Buffer]));
  }

  async scan(limit: number): Promise<number> {
    const [, keys] = await this.#redis.scan("0", "COUNT", limit);
    return keys.length === 0 ? 0 : (await this.#redis.mgetBuffer(keys)).length;
  }

  async close(): Promise<void> {
    await this.#redis.quit();
  }
}
