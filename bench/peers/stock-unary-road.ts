import { join } from "node:path";
import {
  credentials,
  loadPackageDefinition,
  type Client,
  type ClientReadableStream,
  type GrpcObject,
  type ServiceClientConstructor,
} from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import type { BenchRoad } from "../../src/cli/bench/road.js";
import { projectRoot } from "../driver/project-root.js";

interface Result {
  readonly found: boolean;
  readonly value: Buffer;
  readonly existed: boolean;
  readonly error?: { readonly message: string } | null;
}
interface Results {
  readonly results?: readonly Result[];
}
type Unary = (request: object, answered: (error: Error | null, response?: unknown) => void) => void;
type ScanCall = (request: object) => ClientReadableStream<{ readonly entries?: readonly unknown[] }>;

/** What anybody has who points a gRPC client at our proto files: nothing of ours but the contract. */
export class StockUnaryRoad implements BenchRoad {
  readonly name = "bigmap-unary";
  readonly #client: Client;
  readonly #map: string;

  constructor(address: string, map: string) {
    const definition = loadSync("bigmap/v1/map_service.proto", {
      includeDirs: [join(projectRoot, "proto")],
      longs: Number,
      defaults: true,
    });
    const service = ((loadPackageDefinition(definition)["bigmap"] as GrpcObject)["v1"] as GrpcObject)["MapService"];
    this.#client = new (service as ServiceClientConstructor)(address, credentials.createInsecure());
    this.#map = map;
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    const { found, value } = await this.#call<Result>("Get", { map: this.#map, key: Buffer.from(key) });
    return found ? value : undefined;
  }

  async has(key: string): Promise<boolean> {
    return (await this.#call<Result>("Get", { map: this.#map, key: Buffer.from(key), omitValue: true })).found;
  }

  put(key: string, value: Uint8Array): Promise<unknown> {
    return this.#call("Put", { map: this.#map, key: Buffer.from(key), value });
  }

  async delete(key: string): Promise<boolean> {
    return (await this.#call<Result>("Delete", { map: this.#map, key: Buffer.from(key) })).existed;
  }

  async getMany(keys: readonly string[]): Promise<(Uint8Array | undefined)[]> {
    const answer = await this.#call<Results>("GetMany", { map: this.#map, keys: keys.map((key) => Buffer.from(key)) });
    return checked(answer).map(({ found, value }) => (found ? value : undefined));
  }

  async putMany(keys: readonly string[], values: readonly Uint8Array[]): Promise<void> {
    const updates = keys.map((key, i) => ({ key: Buffer.from(key), put: values[i] }));
    checked(await this.#call<Results>("Write", { map: this.#map, updates }));
  }

  async scan(limit: number): Promise<number> {
    const call = (this.#client as unknown as Record<string, ScanCall>)["Scan"]?.call(this.#client, { map: this.#map, limit });
    let entries = 0;
    for await (const page of call ?? []) entries += (page as { readonly entries?: readonly unknown[] }).entries?.length ?? 0;
    return entries;
  }

  async close(): Promise<void> {
    this.#client.close();
  }

  #call<Response>(method: string, request: object): Promise<Response> {
    return new Promise((resolve, reject) => {
      (this.#client as unknown as Record<string, Unary>)[method]?.call(this.#client, request, (error, response) =>
        error === null ? resolve(response as Response) : reject(error),
      );
    });
  }
}

function checked({ results = [] }: Results): readonly Result[] {
  for (const { error } of results) if (error) throw new Error(error.message);
  return results;
}
