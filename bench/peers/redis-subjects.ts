import { IoredisRoad } from "./ioredis-road.js";
import { NodeRedisRoad } from "./node-redis-road.js";
import { startRedis, type Appendfsync, type RedisServer } from "./redis-server.js";
import { everything, throughRoad, type SubjectKind, type SubjectOptions } from "./subject.js";

const needs = { program: "redis-server", package: "redis-server" };

function serverOf({ servers, bench }: SubjectOptions, appendfsync: Appendfsync): Promise<RedisServer> {
  return servers.get(`redis-${appendfsync}`, () => startRedis(bench, appendfsync));
}

function throughIoredis(name: "redis-always" | "redis-everysec", appendfsync: Appendfsync, says: string): SubjectKind {
  return {
    name,
    description: `Redis 7, ${says}, through ioredis with auto-pipelining`,
    store: name,
    needs,
    supports: everything,
    async open(options) {
      const server = await serverOf(options, appendfsync);
      return {
        ...throughRoad(await IoredisRoad.connect(server.port, name), options),
        serverPids: [server.pid],
        settings: {
          ...server.settings,
          client: "ioredis, one connection, enableAutoPipelining: true; values as Buffers",
          batches: "MGET and MSET of 100 keys; a scan is SCAN COUNT 100 and an MGET of what it named",
        },
      };
    },
  };
}

export const redisAlwaysSubject = throughIoredis("redis-always", "always", "every write on disk before it is answered");
export const redisEverysecSubject = throughIoredis("redis-everysec", "everysec", "the log on disk once a second");

export const nodeRedisSubject: SubjectKind = {
  name: "redis-always-node-redis",
  description: "The Redis of redis-always, through node-redis",
  store: "redis-always",
  needs,
  supports: everything,
  async open(options) {
    const server = await serverOf(options, "always");
    return {
      ...throughRoad(await NodeRedisRoad.connect(server.port), options),
      serverPids: [server.pid],
      settings: {
        ...server.settings,
        client:
          "node-redis, one connection, which pipelines by itself what is asked in one turn; blob strings mapped to Buffers; " +
          "commandOptions.timeout: 0",
        batches: "MGET and MSET of 100 keys; a scan is SCAN COUNT 100 and an MGET of what it named",
      },
    };
  },
};
