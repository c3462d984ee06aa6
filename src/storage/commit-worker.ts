/** The thread behind CommitThread. It never closes the database: that is the owner's. HOT. */
import { parentPort, receiveMessageOnPort, workerData, type MessagePort } from "node:worker_threads";
import { assert } from "../base/errors.js";
import { commitKind, commitState, type CommitAnswer, type CommitWorkerData } from "./commit-thread.js";
import { LogRunway } from "./log-runway.js";
import { RequestTaker } from "./request-ring.js";
import { RowOrder } from "./row-order.js";
import { shareRocks } from "./rocksdb-binding.js";
import { describeRocksError } from "./rocksdb-errors.js";
import { workerReady } from "./worker-queue.js";

/** Requests are joined until they have this many bytes; one more may pass it. */
const groupMaxBytes = 8 * 2 ** 20;

assert(parentPort !== null, "the commit worker runs in a worker thread");
const port: MessagePort = parentPort;
const { handle, folder, ring: ringMemory, state } = workerData as CommitWorkerData;
const database = await shareRocks(handle);
const ring = new RequestTaker(ringMemory);
/** Reused, so that its memory is too. */
const batch = database._chainedBatch();
const runway = new LogRunway(folder);
const rowOrder = new RowOrder();
/** Requests taken and neither finished nor failed. */
let takenCount = 0;
let batchBytes = 0;
let batchSync = false;

port.postMessage(workerReady);
try {
  for (;;) {
    ring.wait();
    await runRequests();
  }
} catch (error) {
  const answer: CommitAnswer = { failure: describeRocksError(error), failedCount: takenCount };
  port.postMessage(answer);
}

/** Runs the requests that are there: rows that lie one behind the other are written as one batch. */
async function runRequests(): Promise<void> {
  while (ring.take()) {
    if (ring.kind === commitKind.deleteRange) {
      writeBatch();
      takenCount++;
      await deleteRange(ring.payload);
      // It is logged and not synced; a write of nothing syncs the log.
      if (runway.isAhead()) batch._writeSync({ sync: true });
      ring.release();
      finish();
    } else {
      takenCount++;
      addRows(ring.kind);
      ring.release();
      if (batchBytes >= groupMaxBytes) writeBatch();
    }
  }
  writeBatch();
}

function addRows(kind: number): void {
  const isPosted = kind === commitKind.postedFsync || kind === commitKind.postedOs;
  const rows = isPosted ? (receiveMessageOnPort(port) as { readonly message: Uint8Array }).message : ring.payload;
  batchSync ||= kind === commitKind.rowsFsync || kind === commitKind.postedFsync;
  batchBytes += rows.length;
  rowOrder.read(
    rows,
    (key, value) => batch._put(key, value),
    (key) => batch._del(key),
  );
}

function writeBatch(): void {
  if (takenCount === 0) return;
  if (batchSync) runway.extendFor(batchBytes);
  batch._writeSync({ sync: batchSync || runway.endsBefore() });
  batch._clear();
  batchBytes = 0;
  batchSync = false;
  finish();
}

function deleteRange(payload: Buffer): Promise<void> {
  const startEnd = 4 + payload.readUInt32LE(0);
  return new Promise((resolve, reject) => {
    database._clear({ gte: payload.subarray(4, startEnd), lt: payload.subarray(startEnd) }, (error) =>
      error === null ? resolve() : reject(error),
    );
  });
}

function finish(): void {
  Atomics.add(state, commitState.finished, takenCount);
  takenCount = 0;
  if (Atomics.exchange(state, commitState.announced, 1) === 0) port.postMessage("finished" satisfies CommitAnswer);
}
