import type { CancelTimer, Clock } from "../base/clock.js";
import { BigMapError } from "../base/errors.js";
import type { MetaChange, MetaStore } from "./meta-store.js";
import { allocatorRecordKey } from "./record-keys.js";
import { RecordTable } from "./record-table.js";

/** How long `refresh` trusts a watch to catch up before it reads everything anew. */
const catchUpMaxMs = 1_000;

/**
 * The decoded records, kept in step with the meta store by a watch. Whoever needs the present state calls `refresh`
 * first: it asks the store for its revision, so the answer does not rest on the watch being quick, or alive at all.
 */
export class RecordView {
  readonly #meta: MetaStore;
  readonly #clock: Clock;
  readonly #listeners = new Set<() => void>();
  readonly #table = new RecordTable();
  #endWatch: () => void = () => undefined;
  #failure: BigMapError | undefined;

  private constructor(meta: MetaStore, clock: Clock) {
    this.#meta = meta;
    this.#clock = clock;
  }

  /** Errors: those of the meta store; STORAGE_CORRUPT, DATA_DIR_NEWER. */
  static async open(meta: MetaStore, clock: Clock): Promise<RecordView> {
    const view = new RecordView(meta, clock);
    await view.#readAll();
    return view;
  }

  /** The records as last heard of. */
  get table(): RecordTable {
    this.#assertUsable();
    return this.#table;
  }

  /** Resolves to a table at least as new as the store was at the call. */
  async refresh(): Promise<RecordTable> {
    const { revision } = await this.#meta.list(allocatorRecordKey);
    if (this.table.revision < revision) await this.reached(revision);
    return this.table;
  }

  /** Resolves when the table has this revision or a later one. */
  async reached(revision: number): Promise<void> {
    if (this.table.revision >= revision || (await this.#heardOf(revision))) return;
    await this.#readAll();
  }

  /** Calls back after every change of the table, and once when the view ends. Returns an unsubscribe. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#fail(new BigMapError("SHUTTING_DOWN", "The view of the meta records is closed"));
  }

  /** False: the watch has not brought it in time. */
  #heardOf(revision: number): Promise<boolean> {
    return new Promise((resolve) => {
      let cancel: CancelTimer = () => undefined;
      const end = (heard: boolean): void => {
        cancel();
        unsubscribe();
        resolve(heard);
      };
      const unsubscribe = this.onChange(() => {
        if (this.#failure !== undefined || this.#table.revision >= revision) end(true);
      });
      cancel = this.#clock.setTimer(catchUpMaxMs, () => end(false));
    });
  }

  async #readAll(): Promise<void> {
    const { records, revision } = await this.#meta.list("");
    this.#assertUsable();
    if (revision > 0 && revision <= this.#table.revision) return;
    this.#endWatch();
    this.#learn({ revision, puts: records, deletes: [], reset: true });
    this.#assertUsable();
    this.#endWatch = this.#meta.watch("", revision, (change) => this.#learn(change));
  }

  #assertUsable(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  #learn(change: MetaChange): void {
    try {
      this.#table.apply(change);
    } catch (error) {
      this.#fail(BigMapError.from(error));
      return;
    }
    for (const listener of [...this.#listeners]) listener();
  }

  #fail(error: BigMapError): void {
    this.#failure ??= error;
    this.#endWatch();
    for (const listener of [...this.#listeners]) listener();
  }
}
