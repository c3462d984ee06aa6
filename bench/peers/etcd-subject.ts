import { Etcd3, type IKeyValue, type IRequestOp } from "etcd3";
import type { BenchRoad, Found } from "../../src/cli/bench/road.js";
import { freePort, type Workbench } from "../driver/workbench.js";
import { everything, throughRoad, type SubjectKind } from "./subject.js";

const quotaBytes = 8 * 2 ** 30;

interface EtcdServer {
  readonly endpoint: string;
  readonly pid: number;
  close(): Promise<void>;
}

async function startEtcd(bench: Workbench): Promise<EtcdServer> {
  const [clientUrl, peerUrl] = [`http://127.0.0.1:${await freePort()}`, `http://127.0.0.1:${await freePort()}`];
  const words = ["--name", "peer", "--data-dir", bench.newFolder("etcd"), "--initial-cluster", `peer=${peerUrl}`];
  words.push("--listen-client-urls", clientUrl, "--advertise-client-urls", clientUrl);
  words.push("--listen-peer-urls", peerUrl, "--initial-advertise-peer-urls", peerUrl);
  words.push("--quota-backend-bytes", String(quotaBytes), "--logger", "zap");
  const server = await bench.start("etcd", words, /serving (insecure )?client (requests|traffic)/);
  return { endpoint: clientUrl, pid: server.pid, close: server.stop };
}

/** etcd through etcd3: one unary call an operation, batches as transactions. */
class EtcdRoad implements BenchRoad {
  readonly name = "etcd";
  readonly #client: Etcd3;

  constructor(endpoint: string) {
    this.#client = new Etcd3({ hosts: endpoint });
  }

  get(key: string): Promise<Found> {
    return this.#client.get(key).buffer();
  }

  has(key: string): Promise<boolean> {
    return this.#client.get(key).exists();
  }

  put(key: string, value: Uint8Array): Promise<unknown> {
    return this.#client
      .put(key)
      .value(value as Buffer)
      .exec();
  }

  async delete(key: string): Promise<boolean> {
    return Number((await this.#client.delete().key(key).exec()).deleted) === 1;
  }

  async getMany(keys: readonly string[]): Promise<(Uint8Array | undefined)[]> {
    const responses = await this.#transact(keys.map((key) => ({ request_range: { key: Buffer.from(key) } })));
    return responses.map(({ response_range }) => response_range.kvs[0]?.value);
  }

  /** A transaction may put a key only once: of several puts of one key the last one is sent. */
  async putMany(keys: readonly string[], values: readonly Uint8Array[]): Promise<void> {
    const latest = new Map(keys.map((key, i) => [key, values[i] as Buffer]));
    await this.#transact([...latest].map(([key, value]) => ({ request_put: { key: Buffer.from(key), value } })));
  }

  async scan(limit: number): Promise<number> {
    const { kvs }: { readonly kvs: readonly IKeyValue[] } = await this.#client.getAll().limit(limit).exec();
    return kvs.length;
  }

  async close(): Promise<void> {
    this.#client.close();
  }

  async #transact(operations: IRequestOp[]) {
    return (await this.#client.kv.txn({ success: operations })).responses;
  }
}

export const etcdSubject: SubjectKind = {
  name: "etcd",
  description: "etcd, one member, through etcd3: one unary call an operation; reads are linearizable",
  store: "etcd",
  needs: { program: "etcd", package: "etcd-server" },
  supports: everything,
  async open(options) {
    const { servers, bench } = options;
    const server = await servers.get("etcd", () => startEtcd(bench));
    return {
      ...throughRoad(new EtcdRoad(server.endpoint), options),
      serverPids: [server.pid],
      settings: {
        members: 1,
        fsync: "default, every write",
        "quota-backend-bytes": quotaBytes,
        client: "etcd3, defaults",
        batches: "transactions of 100 ranges or puts, a put of each key",
      },
    };
  },
};
