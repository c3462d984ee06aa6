import type { RecordTable } from "../meta/record-table.js";
import type { RecordView } from "../meta/record-view.js";
import type { MapRing } from "../ring/topology.js";
import { mapNotFound, mapRecordOf } from "./map-catalog.js";

/**
 * The ring of a map as the table has it. `replicas` are in the order of `ring.replicaIds`; the address of one that never
 * registered is empty. Errors: MAP_NOT_FOUND.
 */
export function mapRingOf(table: RecordTable, map: string): MapRing {
  const { mapId } = mapRecordOf(table, map);
  const ring = table.ring(mapId);
  const replicas = ring.replicaIds.map((replicaId) => table.replica(replicaId) ?? { replicaId, address: "" });
  return { map, mapId, ring, replicas };
}

/**
 * The current ring, then the newest one whenever there is a newer than the last that was taken: a slow consumer skips
 * those in between and holds none of them in memory. Ends when `signal` is aborted. Errors: MAP_NOT_FOUND, also when the
 * map is dropped meanwhile, whether or not a new one took its name.
 */
export async function* watchMapRing(view: RecordView, map: string, signal: AbortSignal): AsyncGenerator<MapRing, void, void> {
  const changes = new ChangeFlag(view, signal);
  try {
    let last = mapRingOf(await view.refresh(), map);
    while (!signal.aborted) {
      yield last;
      last = await newerRing(view, last, changes, signal);
    }
  } finally {
    changes.close();
  }
}

/** Resolves to `last` itself when the signal is aborted first. */
async function newerRing(view: RecordView, last: MapRing, changes: ChangeFlag, signal: AbortSignal): Promise<MapRing> {
  while (!signal.aborted) {
    const current = mapRingOf(view.table, last.map);
    if (current.mapId !== last.mapId) throw mapNotFound(last.map);
    if (current.ring.version > last.ring.version) return current;
    await changes.next();
  }
  return last;
}

/** Remembers that something changed since it was last asked, and wakes the one who waits. */
class ChangeFlag {
  readonly #signal: AbortSignal;
  readonly #unsubscribe: () => void;
  readonly #raise: () => void;
  #raised = false;
  #wake: () => void = () => undefined;

  constructor(view: RecordView, signal: AbortSignal) {
    this.#signal = signal;
    this.#raise = () => {
      this.#raised = true;
      this.#wake();
    };
    this.#unsubscribe = view.onChange(this.#raise);
    signal.addEventListener("abort", this.#raise, { once: true });
  }

  async next(): Promise<void> {
    if (!this.#raised) await new Promise<void>((resolve) => (this.#wake = resolve));
    this.#raised = false;
  }

  close(): void {
    this.#unsubscribe();
    this.#signal.removeEventListener("abort", this.#raise);
  }
}
