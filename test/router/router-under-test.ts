import { silentLogger } from "../../src/base/logger.js";
import type { MapSettings } from "../../src/base/map-backend.js";
import { seededRandom } from "../../src/base/random.js";
import { MemoryMetaStore, type MemoryMetaStoreOptions } from "../../src/meta/memory-meta-store.js";
import { RouterCanister, type RouterOptions } from "../../src/router/router.js";
import { ManualClock } from "../../src/testing/manual-clock.js";
import { FakeHost } from "./fake-host.js";

export const defaults: MapSettings = { canisterCapBytes: 65_536, initialCanisters: 2, tokenFunction: "murmur3" };

export interface RouterUnderTest {
  readonly meta: MemoryMetaStore;
  readonly hosts: readonly FakeHost[];
  readonly host: FakeHost;
  readonly clock: ManualClock;
  readonly options: RouterOptions;
  readonly router: RouterCanister;
}

/** A router on a memory meta store, virtual time and fake hosts. */
export async function startRouter(metaOptions: MemoryMetaStoreOptions = {}, replicaIds = ["r1"]): Promise<RouterUnderTest> {
  const clock = new ManualClock();
  const meta = new MemoryMetaStore(metaOptions);
  const hosts = replicaIds.map((replicaId) => new FakeHost(meta, replicaId));
  const options: RouterOptions = { meta, hosts, clock, random: seededRandom(1), logger: silentLogger, defaults };
  return { meta, hosts, host: hosts[0] as FakeHost, clock, options, router: await RouterCanister.start(options) };
}

export const code =
  (expected: string) =>
  (error: unknown): boolean =>
    (error as { code?: string }).code === expected;
