import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { limits } from "../../src/base/limits.js";
import type { BigMap } from "../../src/client/bigmap.js";
import { utf8 } from "../../src/client/codec.js";
import { openEmbedded } from "../../src/server/embedded.js";
import { MemoryDisk } from "../../src/storage/memory-disk.js";
import { MemoryEngine } from "../../src/storage/memory-engine.js";
import { MapModel, modelOperations } from "./map-model.js";

const keys = Array.from({ length: 40 }, (_, i) => `key-${i}`);
const key = fc.constantFrom(...keys);
const value = fc.tuple(fc.string({ maxLength: 8 }), fc.integer({ min: 0, max: 6_000 })).map(([text, length]) => text + "v".repeat(length));

const operation = modelOperations(key, value);

const step = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.array(operation, { minLength: 1, maxLength: 24 }).map((operations) => ({ kind: "burst" as const, operations })),
  },
  { weight: 2, arbitrary: fc.nat().map((pick) => ({ kind: "split" as const, pick })) },
  {
    weight: 2,
    arbitrary: fc
      .array(operation, { minLength: 8, maxLength: 40 })
      .map((operations) => ({ kind: "split all under load" as const, operations })),
  },
  { weight: 1, arbitrary: fc.constant({ kind: "clear" as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: "restart" as const }) },
  { weight: 2, arbitrary: fc.constant({ kind: "crash" as const }) },
);

/** A map on a memory disk, which outlives crashes and restarts. */
class MapUnderTest {
  readonly disk = new MemoryDisk();
  bigmap!: BigMap;

  async open(): Promise<void> {
    const options = { dataDir: "unused", canisterCapBytes: limits.canisterCapMinBytes, memoryBytes: limits.memoryMinBytes };
    this.bigmap = await openEmbedded(options, new MemoryEngine(this.disk));
  }

  async restart(crash: boolean): Promise<void> {
    if (crash) this.disk.crash();
    await this.bigmap.close().catch((error: unknown) => assert.ok(crash, String(error)));
    await this.open();
  }

  /** Splits one of the map's canisters; one that cannot be split says so. */
  async split(pick: number): Promise<void> {
    const { canisters } = await this.bigmap.topology("laws");
    await this.#splitOne(canisters[pick % canisters.length]?.canisterId ?? 0);
  }

  /** Splits every canister at the same time. */
  async splitAll(): Promise<void> {
    const { canisters } = await this.bigmap.topology("laws");
    await Promise.all(canisters.map(({ canisterId }) => this.#splitOne(canisterId)));
  }

  async #splitOne(canisterId: number): Promise<void> {
    await this.bigmap
      .splitCanister(canisterId)
      .catch((error: { code: string }) => assert.match(error.code, /CANISTER_UNSPLITTABLE|CANISTER_BUSY/));
  }

  /** No canister is over its cap, and the ring covers the token space once (the Ring asserts it). */
  async checkCanisters(): Promise<void> {
    const { ring } = await this.bigmap.ring("laws");
    const { canisters } = await this.bigmap.topology("laws");
    assert.deepEqual(
      ring
        .entries()
        .map((entry) => entry.canisterId)
        .sort(),
      canisters.map((canister) => canister.canisterId).sort(),
    );
    for (const { bytes, capBytes } of canisters) assert.ok(bytes <= capBytes, `${bytes} B in a canister of ${capBytes} B`);
  }
}

describe("a map of small canisters", () => {
  test("equals a plain Map under any operations, splits, clears, crashes and restarts", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 30 }), async (steps) => {
        const subject = new MapUnderTest();
        const model = new MapModel();
        await subject.open();
        await subject.bigmap.createMap("laws", { initialCanisters: 1 });
        for (const next of steps) {
          const map = subject.bigmap.map("laws", { value: utf8 });
          if (next.kind === "burst") await model.runBurst(map, next.operations);
          else if (next.kind === "split") await subject.split(next.pick);
          else if (next.kind === "split all under load") await Promise.all([subject.splitAll(), model.runBurst(map, next.operations)]);
          else if (next.kind === "clear") assert.equal(await map.clear(), model.entries.size);
          else await subject.restart(next.kind === "crash");
          if (next.kind === "clear") model.entries.clear();
        }
        await model.checkAll(subject.bigmap.map("laws", { value: utf8 }), keys, limits.entryOverheadBytes);
        await subject.checkCanisters();
        await subject.bigmap.close();
      }),
      { seed: 20_261_122, numRuns: 120 },
    );
  });
});
