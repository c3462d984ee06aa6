import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { CanisterId } from "../../src/base/ids.js";
import type { MetaRecord } from "../../src/meta/meta-store.js";
import { encodeCanisterRecord } from "../../src/meta/record-codec.js";
import { canisterRecordKey } from "../../src/meta/record-keys.js";
import { RecordTable } from "../../src/meta/record-table.js";
import type { CanisterRecord } from "../../src/meta/records.js";
import { canCutAt, cutRange, evenRanges, type HashRange } from "../../src/ring/hash-range.js";
import type { Token } from "../../src/ring/token.js";

const uint32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const cut = fc.record({ high: uint32, low: uint32 });

/** Canisters of one map, and the table that hears of them, change by change. */
class RecordHistory {
  readonly table = new RecordTable();
  readonly #records = new Map<CanisterId, { record: CanisterRecord; revision: number }>();
  #revision = 0;
  #nextId = 1;

  constructor(canisters: number) {
    this.change(evenRanges(canisters).map((range) => this.recordOf(range)));
  }

  recordOf(range: HashRange, canisterId = this.#nextId++): CanisterRecord {
    return { canisterId, mapId: 1, map: "m", range, epoch: 1, replicaId: `r${canisterId % 3}`, origin: undefined, stopped: false };
  }

  owner({ high, low }: Token): CanisterRecord {
    const ring = this.table.ring(1);
    const found = this.#records.get(ring.canisterIdAt(ring.indexOf(high, low)));
    assert.ok(found !== undefined);
    return found.record;
  }

  change(written: readonly CanisterRecord[], deleted: readonly CanisterId[] = []): void {
    const revision = (this.#revision += 3);
    for (const canisterId of deleted) this.#records.delete(canisterId);
    for (const record of written) this.#records.set(record.canisterId, { record, revision });
    const puts = written.map((record) => metaRecordOf(record, revision));
    this.table.apply({ revision, puts, deletes: deleted.map(canisterRecordKey), reset: false });
  }

  /** The present records, as one who comes now learns them. */
  tableMadeAnew(): RecordTable {
    const table = new RecordTable();
    const puts = [...this.#records.values()].map(({ record, revision }) => metaRecordOf(record, revision));
    table.apply({ revision: this.#revision, puts, deletes: [], reset: true });
    return table;
  }

  assertRingFits(): void {
    const [ring, expected] = [this.table.ring(1), this.tableMadeAnew().ring(1)];
    assert.deepEqual(ring.entries(), expected.entries());
    assert.deepEqual([ring.version, ring.replicaIds], [expected.version, expected.replicaIds]);
  }
}

function metaRecordOf(record: CanisterRecord, revision: number): MetaRecord {
  return { key: canisterRecordKey(record.canisterId), value: encodeCanisterRecord(record), revision };
}

describe("the ring of a table that hears of change after change", () => {
  test("is the one that the records make, however many splits of how many canisters one change has", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 6 }),
        fc.array(fc.array(cut, { minLength: 1, maxLength: 3 }), { maxLength: 12 }),
        (canisters, changes) => {
          const history = new RecordHistory(canisters);
          for (const cuts of changes) {
            const written = new Map<CanisterId, CanisterRecord>();
            for (const at of cuts) {
              const parent = history.owner(at);
              if (written.has(parent.canisterId) || !canCutAt(parent.range, at)) continue;
              const [left, right] = cutRange(parent.range, at);
              for (const record of [history.recordOf(right), { ...parent, range: left }]) written.set(record.canisterId, record);
            }
            history.change([...written.values()]);
            history.assertRingFits();
          }
        },
      ),
      { seed: 21, numRuns: 200 },
    );
  });

  test("follows a move, a merge, and what changes no range", () => {
    const history = new RecordHistory(4);
    const [first, second, third] = [0, 1, 2].map((i) => history.owner({ high: i * 2 ** 30, low: 0 })) as [
      CanisterRecord,
      CanisterRecord,
      CanisterRecord,
    ];
    history.change([{ ...second, replicaId: "elsewhere", epoch: 2 }]);
    history.assertRingFits();
    history.change([
      { ...first, stopped: true },
      { ...third, epoch: 9 },
    ]);
    history.assertRingFits();
    history.change([{ ...first, range: { start: first.range.start, end: second.range.end } }], [second.canisterId]);
    history.assertRingFits();
    assert.equal(history.table.ring(1).size, 3);
  });

  test("is refused where a change leaves a gap or an overlap, and comes back with the change that mends it", () => {
    const history = new RecordHistory(3);
    const middle = history.owner({ high: 2 ** 31, low: 0 });
    const [left, right] = cutRange(middle.range, { high: 2 ** 31, low: 1 });
    const isInternal = (error: unknown): boolean => (error as { code?: string }).code === "INTERNAL";
    history.change([{ ...middle, range: left }]);
    assert.throws(() => history.table.ring(1), isInternal);
    const child = history.recordOf(right);
    history.change([child]);
    history.assertRingFits();
    history.change([history.recordOf(right)]);
    assert.throws(() => history.table.ring(1), isInternal);
    history.change([{ ...child, range: left }, history.recordOf(right)]);
    assert.throws(() => history.table.ring(1), isInternal);
  });
});
