import { limits } from "../../src/base/limits.js";
import { seededRandom } from "../../src/base/random.js";
import { Accounting } from "../../src/canister/accounting.js";
import { DataCanister } from "../../src/canister/data-canister.js";
import type { MetaChange, MetaRecord } from "../../src/meta/meta-store.js";
import { encodeCanisterRecord, encodeMapRecord } from "../../src/meta/record-codec.js";
import { canisterRecordKey, mapRecordKey } from "../../src/meta/record-keys.js";
import { RecordTable } from "../../src/meta/record-table.js";
import type { CanisterRecord } from "../../src/meta/records.js";
import { planSplit } from "../../src/meta/split-transaction.js";
import { HostedCanister } from "../../src/replica/hosted-canister.js";
import { RouteTable } from "../../src/replica/map-routes.js";
import { evenRanges, type HashRange } from "../../src/ring/hash-range.js";
import type { Token } from "../../src/ring/token.js";
import type { CanisterStatus } from "../../src/ring/topology.js";
import { defaultPlannerSettings, planSplits, type ClusterView } from "../../src/router/split-planner.js";
import { sized, type MicroBenchmark, type MicroSubject, type Scale } from "./benchmark.js";

const mapId = 1;
const replicaId = "replica-1";
const settings = { canisterCapBytes: limits.canisterCapDefaultBytes, initialCanisters: 1, tokenFunction: "murmur3" } as const;

/** What one more split costs beside the canisters' own work, where a map has many already. Size: canisters of the map. */
export const splitBenchmarks: MicroSubject = (scale) =>
  sized(scale, [16, 4_096], [16]).flatMap((canisters) => [
    ringBenchmark(scale, canisters),
    routesBenchmark(scale, canisters),
    planBenchmark(canisters),
  ]);

/** The split's records are taken over, and the new ring is made. */
function ringBenchmark(scale: Scale, canisters: number): MicroBenchmark {
  const splits = splitCount(scale, canisters);
  return {
    name: "split, ring of the records",
    size: canisters,
    operations: splits,
    prepare() {
      const history = new SplitHistory(canisters, splits);
      let table = new RecordTable();
      return {
        beforeEach: () => void (table = history.tableBefore()),
        run() {
          let sum = 0;
          for (const { change } of history.splits) {
            table.apply(change);
            sum += table.ring(mapId).size;
          }
          return sum;
        },
      };
    },
  };
}

/** As above, and the replica's routes follow. */
function routesBenchmark(scale: Scale, canisters: number): MicroBenchmark {
  const splits = splitCount(scale, canisters);
  return {
    name: "split, ring and routes",
    size: canisters,
    operations: splits,
    prepare() {
      const history = new SplitHistory(canisters, splits);
      let table = new RecordTable();
      let routes = new RouteTable(replicaId);
      return {
        beforeEach() {
          table = history.tableBefore();
          routes = history.routesBefore(table);
        },
        run() {
          for (const { change, parent, child } of history.splits) {
            table.apply(change);
            routes.canister(parent.canisterId)?.canister.replaceAccounting(emptyAccounting(parent.range), parent.epoch);
            routes.addCanister(hostedOf(child));
            routes.refresh(table);
          }
          return routes.find("bench")?.canisters.length ?? NaN;
        },
      };
    },
  };
}

/** The planner looks at every canister; half of them are over their soft cap. */
function planBenchmark(canisters: number): MicroBenchmark {
  return {
    name: "split, plan",
    size: canisters,
    operations: 1,
    prepare() {
      const statuses = recordsOf(canisters).map((record, i) => statusOf(record, i % 2 === 0 ? 0.9 : 0.4));
      const view: ClusterView = { canisters: statuses, pending: [], unsplittableBytes: new Map(), restsUntilMs: new Map(), nowMs: 0 };
      return { run: () => planSplits(view, defaultPlannerSettings).length };
    },
  };
}

/** A run makes so many splits, one after the other: enough for the clock, too few to change the map's size much. */
function splitCount(scale: Scale, canisters: number): number {
  return sized(scale, Math.max(1, canisters / 16), 2);
}

interface SplitStep {
  readonly change: MetaChange;
  readonly parent: CanisterRecord;
  readonly child: CanisterRecord;
}

/** A map of so many canisters, and splits of different ones of them. */
class SplitHistory {
  readonly splits: readonly SplitStep[];
  readonly #records: readonly CanisterRecord[];
  readonly #before: MetaChange;

  constructor(canisters: number, splits: number) {
    this.#records = recordsOf(canisters);
    const map: MetaRecord = { key: mapRecordKey("bench"), value: encodeMapRecord({ mapId, map: "bench", settings }), revision: 1 };
    this.#before = { revision: 1, puts: [map, ...this.#records.map((record) => metaRecordOf(record, 1))], deletes: [], reset: true };
    const random = seededRandom(canisters);
    const parents = new Set<number>();
    while (parents.size < splits) parents.add(random.below(canisters));
    this.splits = [...parents].map((place, i) => splitOf(this.#records[place] as CanisterRecord, canisters + 1 + i, 2 + i));
  }

  tableBefore(): RecordTable {
    const table = new RecordTable();
    table.apply(this.#before);
    table.ring(mapId);
    return table;
  }

  routesBefore(table: RecordTable): RouteTable {
    const routes = new RouteTable(replicaId);
    for (const record of this.#records) routes.addCanister(hostedOf(record));
    routes.refresh(table);
    return routes;
  }
}

function recordsOf(canisters: number): CanisterRecord[] {
  return evenRanges(canisters).map((range, i) => {
    return { canisterId: i + 1, mapId, map: "bench", range, epoch: 1, replicaId, origin: undefined, stopped: false };
  });
}

function splitOf(record: CanisterRecord, childId: number, revision: number): SplitStep {
  const { parent, child } = planSplit({ record, revision: 1 }, childId, middleOf(record.range), 1);
  const puts = [parent, child].map((changed) => metaRecordOf(changed, revision));
  return { change: { revision, puts, deletes: [], reset: false }, parent, child };
}

function metaRecordOf(record: CanisterRecord, revision: number): MetaRecord {
  return { key: canisterRecordKey(record.canisterId), value: encodeCanisterRecord(record), revision };
}

function middleOf({ start, end }: HashRange): Token {
  return { high: Math.floor((start.high + end.high) / 2), low: 1 };
}

function hostedOf({ canisterId, range, epoch }: CanisterRecord): HostedCanister {
  const identity = { canisterId, mapId, map: "bench", capBytes: settings.canisterCapBytes, epoch };
  return new HostedCanister(new DataCanister(identity, emptyAccounting(range), 0), 1);
}

/** Written out as the replica does: objects put together from others would not all have the same shape. */
function statusOf({ canisterId, map, range, epoch }: CanisterRecord, share: number): CanisterStatus {
  return {
    canisterId,
    mapId,
    map,
    range,
    epoch,
    replicaId,
    state: "serving",
    entries: 1,
    bytes: settings.canisterCapBytes * share,
    capBytes: settings.canisterCapBytes,
    sequence: 1,
    unsplittable: false,
    writesWaiting: false,
  };
}

/** With few cells: nothing is counted here. */
function emptyAccounting(range: HashRange): Accounting {
  return new Accounting(range, 12);
}
