import type { Clock } from "../base/clock.js";
import { BigMapError } from "../base/errors.js";
import type { FaultPoints } from "../base/fault-points.js";
import { resultStatus } from "../base/operation-batch.js";
import { PackedKeys } from "../storage/packed-keys.js";
import type { Durability, StorageEngine } from "../storage/storage-engine.js";
import { restartHint } from "../storage/storage-errors.js";
import { WriteBatch } from "../storage/write-batch.js";
import type { AbsenceFilter } from "./absence-filter.js";
import type { BatchExecution } from "./batch-execution.js";
import { Commit } from "./commit.js";
import { CommitPace } from "./commit-pace.js";
import { decideGroup, type ParkOperations } from "./decide.js";
import type { EntryCache } from "./entry-cache.js";
import type { HostedCanister } from "./hosted-canister.js";
import type { PendingKey, PendingKeys } from "./pending-keys.js";
import { readPriorEntries } from "./prior-entry.js";
import type { Marker, SystemStep, UpdateGroup } from "./update-group.js";
import type { WriteStamps } from "./write-stamps.js";

/**
 * A commit takes no further group once it has this many bytes of rows, or this many results: all of them are answered in one go, and a read
 * that comes meanwhile waits (4,000 results took 16 ms).
 */
const commitTargetBytes = 4 * 1024 * 1024;
const commitTargetOperations = 512;

export interface UpdatePipelineParts {
  readonly engine: StorageEngine;
  readonly durability: Durability;
  readonly cache: EntryCache;
  readonly absence: AbsenceFilter;
  readonly pendingKeys: PendingKeys;
  readonly stamps: WriteStamps;
  readonly clock: Clock;
  readonly faults: FaultPoints;
  readonly park: ParkOperations;
  /** Called for every operation that is answered. */
  readonly onAnswered: (execution: BatchExecution, index: number, hosted: HostedCanister) => void;
  /** Called for every canister of which a commit became durable. */
  readonly onCommitted: (hosted: HostedCanister) => void;
  /** Called once: a write failed, and nothing can be written until the engine is opened anew. */
  readonly onFailed: (error: BigMapError) => void;
  readonly firstCommitNumber: number;
}

/**
 * The road of every update: arrive → load what is not known about its key → decide, in order of arrival → one write
 * batch and one fsync for all that is decided (group commit) → answer. Groups may load at the same time; they are
 * decided and committed strictly in order.
 */
export class UpdatePipeline {
  readonly #queue: (UpdateGroup | SystemStep | Marker)[] = [];
  readonly #pace = new CommitPace(() => this.#pump());
  /** A commit is filled and handed to the engine in one go, so one batch serves them all. */
  readonly #rows = new WriteBatch(64 * 1024);
  /** Of the look-ups that are being sent. */
  readonly #loadedKeys = new PackedKeys();
  /** What is pushed meanwhile waits until the commit is sent. */
  #isFilling = false;
  #nextCommitNumber: number;
  #lastDurableNumber: number;
  /** Resolves when the last commit that was sent is answered. */
  #tail: Promise<unknown> = Promise.resolve();
  #failure: BigMapError | undefined;
  readonly #parts: UpdatePipelineParts;

  constructor(parts: UpdatePipelineParts) {
    this.#parts = parts;
    this.#nextCommitNumber = parts.firstCommitNumber;
    this.#lastDurableNumber = parts.firstCommitNumber - 1;
  }

  /** Nothing waits and nothing is being decided or written. */
  get isIdle(): boolean {
    return this.#pace.isIdle && this.#queue.length === 0 && !this.#isFilling;
  }

  /** Set when a write failed. */
  get failure(): BigMapError | undefined {
    return this.#failure;
  }

  /** Number of the last commit that is durable and of which `onCommitted` was told; others may be under way behind it. */
  get lastDurableNumber(): number {
    return this.#lastDurableNumber;
  }

  /** Updates are about to be pushed: where nothing is under way, what writes them wakes up meanwhile. Beside an fsync that costs little. */
  expectUpdates(): void {
    if (this.isIdle && this.#parts.durability === "fsync") this.#parts.engine.expectWrite();
  }

  /** Takes a group whose keys are registered as pending. */
  push(group: UpdateGroup): void {
    this.#queue.push(group);
    if (group.loads.length === 0 && group.earlierReads.size === 0) group.isReady = true;
    else if (group.earlierReads.size === 0) this.#load(group);
    else void Promise.all(group.earlierReads).then(() => this.#load(group));
    this.#pump();
  }

  /** Writes rows of the replica's own, after every update that was pushed before. Resolves when they are durable. */
  runStep(prepare: (commit: Commit) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = (error: unknown): void => (error === undefined ? resolve() : reject(BigMapError.from(error)));
      this.#queue.push({ isReady: true, prepare, done });
      this.#pump();
    });
  }

  /**
   * Writes rows of the replica's own at once, ahead of what waits in the pipeline: for rows of which nothing there knows.
   * `prepare` runs before this returns. Resolves when the rows are durable.
   */
  runStepNow(prepare: (commit: Commit) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = (error: unknown): void => (error === undefined ? resolve() : reject(BigMapError.from(error)));
      const step: SystemStep = { isReady: true, prepare, done };
      if (this.#failure !== undefined) {
        this.#refuse(step, this.#failure);
        return;
      }
      const commit = this.#newCommit();
      this.#filling(() => prepare(commit));
      this.#send(commit, step);
      this.#pump();
    });
  }

  /** Resolves when everything that was pushed until now is decided and on its way to the storage engine. */
  decided(): Promise<void> {
    return new Promise((resolve) => {
      this.#queue.push({ isReady: true, passed: resolve });
      this.#pump();
    });
  }

  /** Resolves when every commit that was sent until now is answered. */
  settled(): Promise<unknown> {
    return this.#tail;
  }

  #newCommit(): Commit {
    return new Commit(this.#nextCommitNumber++, this.#rows, this.#parts.absence);
  }

  #load(group: UpdateGroup): void {
    const loaded = (): void => {
      group.isReady = true;
      this.#pump();
    };
    if (group.loads.length === 0) loaded();
    else readPriorEntries(this.#parts.engine, group.loads, this.#loadedKeys, loaded);
  }

  #pump(): void {
    if (this.#isFilling) return;
    for (let next = this.#queue[0]; next?.isReady === true; next = this.#queue[0]) {
      if ("passed" in next) {
        this.#queue.shift();
        next.passed();
        continue;
      }
      if (!this.#pace.mayBegin(this.#isReadyFor)) return;
      if (this.#failure !== undefined) {
        this.#queue.shift();
        this.#refuse(next, this.#failure);
        continue;
      }
      const commit = this.#newCommit();
      const step = this.#filling(() => this.#fill(commit));
      this.#send(commit, step);
    }
  }

  /** Whether so many operations are ready to be decided, or a step that has a commit of its own. */
  readonly #isReadyFor = (fewest: number): boolean => {
    let operations = 0;
    for (const next of this.#queue) {
      if (!next.isReady) break;
      if ("prepare" in next) return true;
      if (!("passed" in next)) operations += next.size;
      if (operations >= fewest) return true;
    }
    return false;
  };

  /** Nothing of a filling that failed may be written with the next commit. */
  #filling<T>(fill: () => T): T {
    this.#isFilling = true;
    try {
      return fill();
    } catch (error) {
      this.#rows.clear();
      throw error;
    } finally {
      this.#isFilling = false;
    }
  }

  /** Decides ready groups into the commit, or prepares the one step that is next. */
  #fill(commit: Commit): SystemStep | undefined {
    for (let next = this.#queue[0]; next?.isReady === true; next = this.#queue[0]) {
      if ("passed" in next) break;
      if ("prepare" in next) {
        if (commit.keys.length > 0) break;
        this.#queue.shift();
        return prepared(next, commit);
      }
      this.#queue.shift();
      decideGroup(next, commit, this.#parts.park, this.#parts.clock.monotonicMs());
      if (commit.rows.sizeBytes >= commitTargetBytes || commit.keys.length >= commitTargetOperations) break;
    }
    commit.seal();
    return undefined;
  }

  #send(commit: Commit, step: SystemStep | undefined): void {
    this.#pace.begun(commit.keys.length);
    this.#parts.faults.reach("commit.before-write");
    // A commit without rows may rest on decisions of commits before it, so it too is answered only after those.
    const written = commit.hasRows ? this.#parts.engine.write(commit.rows, this.#parts.durability) : this.#tail;
    // Also where the engine refused them.
    commit.rows.clear();
    this.#tail = written.then(
      () => {
        this.#parts.faults.reach("commit.after-write");
        this.#complete(commit, step);
      },
      (error: unknown) => this.#completeFailed(commit, step, BigMapError.from(error)),
    );
  }

  #complete(commit: Commit, step: SystemStep | undefined): void {
    if (this.#failure !== undefined) {
      this.#completeFailed(commit, step, this.#failure);
      return;
    }
    this.#pace.ended();
    commit.markCommitted();
    commit.readAhead(this.#parts.cache);
    const dirty: BatchExecution[] = [];
    for (let i = 0; i < commit.keys.length; i++) {
      this.#remember(commit, i);
      const execution = commit.answer(i);
      if (!execution.isDirty) {
        execution.isDirty = true;
        dirty.push(execution);
      }
      this.#release(commit, i);
    }
    for (const execution of dirty) execution.flush();
    for (const hosted of commit.touched) this.#parts.onCommitted(hosted);
    this.#lastDurableNumber = commit.number;
    step?.done(undefined);
    this.#pump();
  }

  /** Puts what the commit wrote into the cache. */
  #remember(commit: Commit, i: number): void {
    const status = commit.statuses[i] as number;
    if ((status !== resultStatus.written && status !== resultStatus.deleted) || commit.isSuperseded(i)) return;
    const key = commit.keys[i] as PendingKey;
    const { cacheSpace } = commit.canisters[i] as HostedCanister;
    this.#parts.stamps.bump(key.tokenHigh);
    if (status === resultStatus.deleted) {
      this.#parts.cache.set(cacheSpace, key.tokenHigh, key.tokenLow, 0, key.keys, key.keyStart, key.keyEnd, key.keys, 0, 0);
      return;
    }
    const { batch } = commit.executions[i] as BatchExecution;
    const index = commit.indexes[i] as number;
    const start = batch.valueOffsets[index] as number;
    const end = batch.valueOffsets[index + 1] as number;
    const version = commit.versions[i] as number;
    this.#parts.cache.set(cacheSpace, key.tokenHigh, key.tokenLow, version, key.keys, key.keyStart, key.keyEnd, batch.values, start, end);
  }

  #release(commit: Commit, i: number): void {
    const hosted = commit.canisters[i] as HostedCanister;
    this.#parts.pendingKeys.release(commit.keys[i] as PendingKey);
    this.#parts.onAnswered(commit.executions[i] as BatchExecution, commit.indexes[i] as number, hosted);
    hosted.released();
  }

  #completeFailed(commit: Commit, step: SystemStep | undefined, error: BigMapError): void {
    this.#pace.ended();
    this.#fail(error);
    const message = `The update could not be written: ${error.message}`;
    const failed = new BigMapError(error.code, message, { retry: error.retry, cause: error, hint: restartHint(error) });
    for (let i = 0; i < commit.keys.length; i++) {
      (commit.executions[i] as BatchExecution).addError(commit.indexes[i] as number, failed);
      this.#release(commit, i);
    }
    for (const execution of new Set(commit.executions)) execution.flush();
    step?.done(failed);
    this.#pump();
  }

  #fail(error: BigMapError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#parts.onFailed(error);
  }

  /** Answers what was not begun when the storage failed: nothing was done. */
  #refuse(next: UpdateGroup | SystemStep, failure: BigMapError): void {
    const error = refusedSince(failure);
    if ("prepare" in next) {
      next.done(error);
      return;
    }
    for (let i = 0; i < next.size; i++) {
      const execution = next.executions[i] as BatchExecution;
      const index = next.indexes[i] as number;
      const hosted = next.canisters[i] as HostedCanister;
      execution.addError(index, error);
      this.#parts.pendingKeys.release(next.keys[i] as PendingKey);
      this.#parts.onAnswered(execution, index, hosted);
      hosted.released();
    }
    for (const execution of new Set(next.executions)) execution.flush();
  }
}

/** A step that cannot say what it writes fails by itself, without holding up what comes after it. */
function prepared(step: SystemStep, commit: Commit): SystemStep | undefined {
  try {
    step.prepare(commit);
    return step;
  } catch (error) {
    commit.rows.clear();
    step.done(error);
    return undefined;
  }
}

/** What is told to updates that come after a write that failed: nothing was done for them. */
export function refusedSince(failure: BigMapError): BigMapError {
  return new BigMapError(failure.code, `Updates are refused since a write failed: ${failure.message}`, {
    retry: "transient",
    cause: failure,
    hint: restartHint(failure),
  });
}
