import type { MetaChange } from "./meta-store.js";
import type { MetaTable } from "./meta-table.js";

/** Calls back later, never from inside the call. */
export type Defer = (run: () => void) => void;

/** How many changes are remembered for watches that begin at an earlier revision. */
const historyMaxChanges = 1_024;

/** Hands the changes of a table to its watchers, to each in the order of revisions. */
export class WatchHub {
  readonly #table: MetaTable;
  readonly #defer: Defer;
  readonly #watchers = new Set<Watcher>();
  readonly #history: MetaChange[] = [];
  /** Every change after this revision is in the history. */
  #knownAfter: number;

  constructor(table: MetaTable, defer: Defer = queueMicrotask) {
    this.#table = table;
    this.#defer = defer;
    this.#knownAfter = table.revision;
  }

  /** Called once for every change, after it was applied to the table. */
  publish(change: MetaChange): void {
    this.#history.push(change);
    if (this.#history.length > historyMaxChanges) this.#knownAfter = this.#history.shift()?.revision ?? this.#knownAfter;
    for (const watcher of this.#watchers) watcher.offer(change);
  }

  /** As `MetaStore.watch`. */
  watch(prefix: string, afterRevision: number, onChange: (change: MetaChange) => void): () => void {
    const watcher = new Watcher(prefix, onChange, this.#defer);
    this.#watchers.add(watcher);
    for (const change of this.#changesAfter(afterRevision, prefix)) watcher.offer(change);
    return () => {
      watcher.end();
      this.#watchers.delete(watcher);
    };
  }

  close(): void {
    for (const watcher of this.#watchers) watcher.end();
    this.#watchers.clear();
  }

  #changesAfter(revision: number, prefix: string): readonly MetaChange[] {
    if (revision >= this.#knownAfter) return this.#history.filter((change) => change.revision > revision);
    return [{ revision: this.#table.revision, puts: this.#table.list(prefix), deletes: [], reset: true }];
  }
}

class Watcher {
  readonly #prefix: string;
  readonly #onChange: (change: MetaChange) => void;
  readonly #defer: Defer;
  readonly #queue: MetaChange[] = [];
  #ended = false;

  constructor(prefix: string, onChange: (change: MetaChange) => void, defer: Defer) {
    this.#prefix = prefix;
    this.#onChange = onChange;
    this.#defer = defer;
  }

  offer(change: MetaChange): void {
    const part = partUnder(this.#prefix, change);
    if (part === undefined) return;
    this.#queue.push(part);
    // Whichever deferred call comes first takes the oldest change: delays never reorder.
    this.#defer(() => this.#deliverOldest());
  }

  end(): void {
    this.#ended = true;
    this.#queue.length = 0;
  }

  #deliverOldest(): void {
    const change = this.#queue.shift();
    if (change !== undefined && !this.#ended) this.#onChange(change);
  }
}

function partUnder(prefix: string, change: MetaChange): MetaChange | undefined {
  if (prefix === "") return change;
  const puts = change.puts.filter((record) => record.key.startsWith(prefix));
  const deletes = change.deletes.filter((key) => key.startsWith(prefix));
  return puts.length + deletes.length === 0 && !change.reset ? undefined : { ...change, puts, deletes };
}
