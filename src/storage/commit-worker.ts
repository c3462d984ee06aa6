/** The thread behind CommitThread. It never closes the database: that is the owner's. HOT. */
import { parentPort, receiveMessageOnPort, workerData, type MessagePort } from "node:worker_threads";
import { assert } from "../base/errors.js";
import { commitState, type CommitAnswer, type CommitRequest, type CommitWorkerData, type WriteRequest } from "./commit-thread.js";
import { shareRocks } from "./rocksdb-binding.js";
import { describeRocksError } from "./rocksdb-errors.js";
import { workerReady } from "./worker-queue.js";
import { readWriteBatch } from "./write-batch.js";

/** Requests are joined until they have this many bytes; one more may pass it. */
const groupMaxBytes = 8 * 2 ** 20;

assert(parentPort !== null, "the commit worker runs in a worker thread");
const port: MessagePort = parentPort;
const { handle, state } = workerData as CommitWorkerData;
const database = await shareRocks(handle);
/** Reused, so that its memory is too. */
const batch = database._chainedBatch();
let failed = false;
/** Requests taken from the port and neither finished nor failed. */
let takenCount = 0;

port.on("message", (request: CommitRequest) => {
  if (failed) return;
  try {
    runGroups(request);
  } catch (error) {
    fail(error);
  }
});
port.postMessage(workerReady);

/** Runs the request and those queued behind it, up to a deletion: its outcome is told before the next message comes. */
function runGroups(first: CommitRequest): void {
  for (let request: CommitRequest | undefined = first; request !== undefined;) {
    takenCount++;
    if (!("rows" in request)) {
      database._clear({ gte: request.start, lt: request.end }, (error) => (error === null ? finish() : fail(error)));
      return;
    }
    request = writeGroup(request);
  }
}

/** Writes the queued batches as one; returns the request behind them. */
function writeGroup(first: WriteRequest): CommitRequest | undefined {
  let sync = first.sync;
  let sizeBytes = addRows(first.rows);
  let next = nextRequest();
  while (next !== undefined && "rows" in next && sizeBytes < groupMaxBytes) {
    takenCount++;
    sync ||= next.sync;
    sizeBytes += addRows(next.rows);
    next = nextRequest();
  }
  batch._writeSync({ sync });
  batch._clear();
  finish();
  return next;
}

function addRows(rows: Uint8Array): number {
  readWriteBatch(
    rows,
    (key, value) => batch._put(key, value),
    (key) => batch._del(key),
  );
  return rows.length;
}

function finish(): void {
  Atomics.add(state, commitState.finished, takenCount);
  takenCount = 0;
  if (Atomics.exchange(state, commitState.announced, 1) === 0) port.postMessage("finished" satisfies CommitAnswer);
}

function fail(error: unknown): void {
  failed = true;
  const answer: CommitAnswer = { failure: describeRocksError(error), failedCount: takenCount };
  port.postMessage(answer);
}

function nextRequest(): CommitRequest | undefined {
  return (receiveMessageOnPort(port) as { readonly message: CommitRequest } | undefined)?.message;
}
