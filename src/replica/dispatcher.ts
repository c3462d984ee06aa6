/** Sends each operation of a batch where it is carried out: cache, cold read, update pipeline, waiting room, other replica. HOT. */
import { BigMapError } from "../base/errors.js";
import { severalSessions, type SessionId } from "../base/ids.js";
import { limits } from "../base/limits.js";
import {
  isUpdate,
  kindOf,
  operationKind,
  resultStatus,
  type OperationBatch,
  type OperationTarget,
  type ResultSink,
} from "../base/operation-batch.js";
import { rangeContains } from "../ring/hash-range.js";
import { tokenHigh, tokenLow } from "../ring/token.js";
import { BatchExecution } from "./batch-execution.js";
import { BatchTokens } from "./batch-tokens.js";
import type { DispatcherParts } from "./dispatcher-parts.js";
import type { HostedCanister } from "./hosted-canister.js";
import { MapMaker } from "./map-maker.js";
import type { MapRoutes } from "./map-routes.js";
import { allIndexes, faultOf, operationBytes, placeOf, tokenAt } from "./operation-checks.js";
import { PendingKey, tokenNumber } from "./pending-keys.js";
import { moved, owns, refuseBatch, refusedForFault, stopped } from "./refusals.js";
import { UpdateGroup } from "./update-group.js";

/** A group of this size goes on its way at once: half of the callers of a busy client. */
const groupTargetOperations = 128;

export class Dispatcher implements OperationTarget {
  #group: UpdateGroup | undefined;
  #turnIsScheduled = false;
  #arrivals = 0;
  #tokens: BatchTokens | undefined;
  /** Operations of the batch that is being dispatched, by the address of their owner. */
  #remote: Map<string, number[]> | undefined;
  readonly #mapMaker: MapMaker;
  readonly #parts: DispatcherParts;

  constructor(parts: DispatcherParts) {
    this.#parts = parts;
    this.#mapMaker = new MapMaker(parts.ensureMap, (execution, indexes) => {
      const routes = parts.routes.find(execution.batch.map);
      if (routes !== undefined) this.#dispatchOn(routes, execution, indexes);
      return routes !== undefined;
    });
  }

  submit(batch: OperationBatch, sessionId: SessionId, sink: ResultSink): void {
    if (isUpdate(batch.operations[0] ?? 0)) this.#parts.pipeline.expectUpdates();
    this.dispatch(new BatchExecution(batch, sessionId, sink), undefined);
  }

  /** Carries out the operations with these indexes, or all. */
  dispatch(execution: BatchExecution, indexes: readonly number[] | undefined): void {
    const { batch } = execution;
    if (batch.atomic && refusedForFault(execution, indexes ?? allIndexes(batch))) return;
    const routes = this.#mapMaker.isMaking(batch.map) ? undefined : this.#parts.routes.find(batch.map);
    if (routes === undefined) this.#mapMaker.take(execution, indexes ?? allIndexes(batch));
    else this.#dispatchOn(routes, execution, indexes);
  }

  #dispatchOn(routes: MapRoutes, execution: BatchExecution, indexes: readonly number[] | undefined): void {
    const { batch } = execution;
    if (batch.atomic) this.#dispatchAtomic(execution, indexes ?? allIndexes(batch), routes);
    else if (indexes === undefined) this.#dispatchAll(execution, routes);
    else for (const index of indexes) this.#dispatchOne(execution, index, routes);
    this.#forwardGathered(execution);
    execution.flush();
    this.#sendIfIdle();
  }

  /** Carries out all operations; the tokens come first, so that the canisters are read ahead. */
  #dispatchAll(execution: BatchExecution, routes: MapRoutes): void {
    const { count } = execution.batch;
    // A sink that submits while it is answered finds none, and gets its own.
    const tokens = this.#tokens ?? new BatchTokens();
    this.#tokens = undefined;
    tokens.fill(execution.batch);
    tokens.readAhead(count, routes, this.#parts.cache);
    for (let i = 0; i < count; i++) this.#dispatchAt(execution, i, routes, tokens.high[i] as number, tokens.low[i] as number);
    this.#tokens = tokens;
  }

  #dispatchOne(execution: BatchExecution, index: number, routes: MapRoutes): void {
    const { keys, keyOffsets } = execution.batch;
    const start = keyOffsets[index] as number;
    const end = keyOffsets[index + 1] as number;
    this.#dispatchAt(execution, index, routes, tokenHigh(keys, start, end), tokenLow(keys, start, end));
  }

  #dispatchAt(execution: BatchExecution, index: number, routes: MapRoutes, high: number, low: number): void {
    const { batch } = execution;
    const fault = faultOf(batch, index);
    if (fault !== undefined) {
      execution.addError(index, fault);
      return;
    }
    const place = routes.ring.indexOf(high, low);
    const hosted = routes.canisters[place];
    if (hosted === undefined) this.#forward([index], routes, place);
    else if (!routes.rangesAgree && !rangeContains(hosted.canister.range, high, low)) execution.addError(index, moved(hosted));
    else if (isUpdate(batch.operations[index] as number)) this.#update(execution, index, hosted, high, low);
    else this.#query(execution, index, hosted, high, low);
  }

  #query(execution: BatchExecution, index: number, hosted: HostedCanister, high: number, low: number): void {
    if (!hosted.takesQueries) {
      execution.addError(index, stopped(hosted));
      return;
    }
    if (this.#followsUpdate(execution, index, hosted, high, low)) return;
    const { batch } = execution;
    const { cache, absence } = this.#parts;
    const start = batch.keyOffsets[index] as number;
    const end = batch.keyOffsets[index + 1] as number;
    const wantsValue = kindOf(batch.operations[index] as number) === operationKind.get;
    const isKnown = wantsValue
      ? cache.find(hosted.cacheSpace, high, low, batch.keys, start, end)
      : cache.findSize(hosted.cacheSpace, high, low, batch.keys, start, end);
    if (!isKnown && !absence.isAbsent(hosted.canister.mapId, high, low)) {
      this.#parts.coldReads.add(execution, index, hosted, high, low);
      this.#scheduleTurn();
    } else if (!isKnown || cache.foundAbsent) {
      execution.add(index, resultStatus.notFound, 0);
    } else if (wantsValue) {
      execution.addValue(index, cache.foundVersion, cache.foundBytes, cache.foundValueStart, cache.foundValueEnd);
    } else {
      execution.add(index, resultStatus.found, cache.foundVersion);
    }
  }

  /** A query that comes after an update of its key by the same session takes the update's road, and so sees it. */
  #followsUpdate(execution: BatchExecution, index: number, hosted: HostedCanister, high: number, low: number): boolean {
    if (hosted.parked.length > 0 && hosted.hasParked(tokenNumber(high, low), execution.sessionId)) {
      this.#park(hosted, execution, [index], [[high, low]]);
      return true;
    }
    if (this.#parts.pendingKeys.isEmpty) return false;
    const { keys, keyOffsets } = execution.batch;
    const start = keyOffsets[index] as number;
    const key = this.#parts.pendingKeys.find(hosted.canister.mapId, high, low, keys, start, keyOffsets[index + 1] as number);
    if (key === undefined || (key.sessionId !== execution.sessionId && key.sessionId !== severalSessions)) return false;
    if (!key.hasValue) this.#fetchValue(key, hosted);
    this.#arrive(execution, index, hosted, key, 1);
    this.#sendFullGroup();
    return true;
  }

  /** The size of the prior entry is enough for the updates; the query wants its value too, which a look-up under way may leave out. */
  #fetchValue(key: PendingKey, hosted: HostedCanister): void {
    if (key.wantsValue) return;
    key.wantsValue = true;
    const { cache } = this.#parts;
    if (!key.isKnown || !cache.find(hosted.cacheSpace, key.tokenHigh, key.tokenLow, key.keys, key.keyStart, key.keyEnd)) {
      this.#openGroup().addLoad(key);
      return;
    }
    const value = Buffer.from(cache.foundBytes.subarray(cache.foundValueStart, cache.foundValueEnd));
    key.setValue(key.version, key.entryBytes, value, 0, value.length);
  }

  #update(execution: BatchExecution, index: number, hosted: HostedCanister, high: number, low: number): void {
    const refused = this.#admit(execution, index, hosted);
    if (refused !== undefined) execution.addError(index, refused);
    else if (!hosted.takesUpdates) this.#park(hosted, execution, [index], [[high, low]]);
    else {
      this.#arrive(execution, index, hosted, this.#pendingKey(execution, index, hosted, high, low), 1);
      this.#sendFullGroup();
    }
  }

  /** All updates of an atomic batch that fall into one canister go through the pipeline as one unit. */
  #dispatchAtomic(execution: BatchExecution, indexes: readonly number[], routes: MapRoutes): void {
    const { batch } = execution;
    const units = new Map<number, number[]>();
    for (const index of indexes) {
      if (!isUpdate(batch.operations[index] as number)) {
        this.#dispatchOne(execution, index, routes);
        continue;
      }
      const place = placeOf(batch, index, routes.ring);
      const unit = units.get(place);
      if (unit === undefined) units.set(place, [index]);
      else unit.push(index);
    }
    for (const [place, unit] of units) {
      const hosted = routes.canisters[place];
      if (hosted === undefined) this.#forward(unit, routes, place);
      else if (!owns(hosted, batch, unit)) refuseBatch(execution, unit, unit[0] as number, moved(hosted));
      else this.#updateUnit(execution, unit, hosted);
    }
  }

  #updateUnit(execution: BatchExecution, unit: readonly number[], hosted: HostedCanister): void {
    const { batch } = execution;
    for (let i = 0; i < unit.length; i++) {
      const refused = this.#admit(execution, unit[i] as number, hosted);
      if (refused === undefined) continue;
      for (const index of unit.slice(0, i)) this.#parts.admission.release(operationBytes(batch, index));
      refuseBatch(execution, unit, unit[i] as number, refused);
      return;
    }
    const tokens = unit.map((index) => tokenAt(batch, index));
    if (!hosted.takesUpdates) {
      this.#park(hosted, execution, unit, tokens);
      return;
    }
    unit.forEach((index, i) => {
      const [high, low] = tokens[i] as readonly [number, number];
      this.#arrive(execution, index, hosted, this.#pendingKey(execution, index, hosted, high, low), i === 0 ? unit.length : 1);
    });
    this.#sendFullGroup();
  }

  #admit(execution: BatchExecution, index: number, hosted: HostedCanister): BigMapError | undefined {
    const { batch } = execution;
    if (hosted.canister.state === "stopping" || hosted.canister.state === "stopped") return stopped(hosted);
    const refused = this.#parts.updatesRefused(batch.operations[index] as number);
    if (refused !== undefined) return refused;
    if (this.#parts.admission.admit(operationBytes(batch, index))) return undefined;
    return new BigMapError("OVERLOADED", "The replica has too many updates under way");
  }

  /** The pending key of an update, registered now. */
  #pendingKey(execution: BatchExecution, index: number, hosted: HostedCanister, high: number, low: number): PendingKey {
    const { keys, keyOffsets } = execution.batch;
    const start = keyOffsets[index] as number;
    const end = keyOffsets[index + 1] as number;
    const group = this.#openGroup();
    const reads = this.#parts.coldReads.readsOf(high, low);
    if (reads !== undefined) group.earlierReads.add(reads);
    const known = this.#parts.pendingKeys.find(hosted.canister.mapId, high, low, keys, start, end);
    if (known !== undefined) {
      if (known.sessionId !== execution.sessionId) known.sessionId = severalSessions;
      return known;
    }
    const key = new PendingKey(hosted.canister.mapId, high, low, keys, start, end, execution.sessionId);
    this.#parts.pendingKeys.insert(key);
    const { cache, absence } = this.#parts;
    const isKnown = cache.findSize(hosted.cacheSpace, high, low, keys, start, end);
    if (!isKnown && !absence.isAbsent(key.mapId, high, low)) group.loads.push(key);
    else if (!isKnown || cache.foundAbsent) key.setAbsent();
    else key.setSize(cache.foundVersion, end - start + cache.foundValueBytes + limits.entryOverheadBytes);
    return key;
  }

  #arrive(execution: BatchExecution, index: number, hosted: HostedCanister, key: PendingKey, unitSize: number): void {
    const group = this.#openGroup();
    key.count++;
    hosted.outstanding++;
    group.executions.push(execution);
    group.indexes.push(index);
    group.canisters.push(hosted);
    group.keys.push(key);
    group.arrivals.push(this.#arrivals++);
    group.unitSizes.push(unitSize);
  }

  #park(
    hosted: HostedCanister,
    execution: BatchExecution,
    indexes: readonly number[],
    tokens: readonly (readonly [number, number])[],
  ): void {
    const parkedAtMs = (execution.waitingSinceMs ??= this.#parts.monotonicMs());
    const numbers = tokens.map(([high, low]) => tokenNumber(high, low));
    hosted.park({ execution, indexes, arrival: this.#arrivals++, parkedAtMs }, numbers);
  }

  /** An operation that came through the pipeline or the waiting room needs no room any more. */
  answered(execution: BatchExecution, index: number): void {
    if (isUpdate(execution.batch.operations[index] as number)) this.#parts.admission.release(operationBytes(execution.batch, index));
  }

  /** Sends parked operations on their way again, in the order in which they came. */
  release(hosted: HostedCanister): void {
    for (const { execution, indexes } of hosted.takeParked()) {
      for (const index of indexes) this.answered(execution, index);
      this.dispatch(execution, indexes);
    }
  }

  /** Gathers what one dispatch sends to one replica. */
  #forward(indexes: readonly number[], routes: MapRoutes, place: number): void {
    const address = this.#parts.addressOf(routes.ring.entryAt(place).replicaId);
    this.#remote ??= new Map();
    const gathered = this.#remote.get(address);
    if (gathered === undefined) this.#remote.set(address, [...indexes]);
    else gathered.push(...indexes);
  }

  #forwardGathered(execution: BatchExecution): void {
    if (this.#remote === undefined) return;
    const remote = this.#remote;
    this.#remote = undefined;
    for (const [address, indexes] of remote) {
      if (!execution.batch.noForward) {
        this.#parts.forwarder.forward(execution, indexes, address);
        continue;
      }
      const error = new BigMapError("NOT_OWNER", `Another replica owns this key: ${address}`, { ownerAddress: address });
      for (const index of indexes) execution.addError(index, error);
    }
  }

  #openGroup(): UpdateGroup {
    this.#scheduleTurn();
    return (this.#group ??= new UpdateGroup());
  }

  /**
   * A group of some size does not wait for the end of the turn: the commit thread writes it while this thread takes in the rest,
   * and its callers are answered, and ask again, while the others are written. Else all callers would move in one convoy,
   * and no two threads would ever work at the same time.
   */
  #sendFullGroup(): void {
    const group = this.#group;
    if (group !== undefined && group.size >= groupTargetOperations) this.#sendGroup(group);
  }

  /** Where nothing is under way there is nothing to wait for: a caller by itself saves a turn of the loop. */
  #sendIfIdle(): void {
    if (this.#group !== undefined && this.#parts.pipeline.isIdle) this.#sendGroup(this.#group);
    if (this.#parts.coldReads.isIdle) this.#parts.coldReads.flush();
  }

  #sendGroup(group: UpdateGroup): void {
    this.#group = undefined;
    this.#parts.pipeline.push(group);
  }

  #scheduleTurn(): void {
    if (this.#turnIsScheduled) return;
    this.#turnIsScheduled = true;
    setImmediate(() => this.endTurn());
  }

  /** Everything that came in this turn goes on its way together. */
  endTurn(): void {
    this.#turnIsScheduled = false;
    this.#parts.coldReads.flush();
    if (this.#group !== undefined) this.#sendGroup(this.#group);
  }
}
