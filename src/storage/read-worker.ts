/** The thread behind ReadThread. It never closes the database: that is the owner's. HOT. */
import { parentPort, receiveMessageOnPort, workerData, type MessagePort } from "node:worker_threads";
import { asBuffer, emptyBytes } from "../base/bytes.js";
import { assert } from "../base/errors.js";
import { readPackedKeys, valueMaxBytesOf } from "./packed-keys.js";
import { packedValuesBytes, packValues, wholeValues, writePackedValues, type Values } from "./packed-values.js";
import { answerCopiedMaxBytes, readAnswerKind, readKind, readState, type ReadMessage, type ReadWorkerData } from "./read-protocol.js";
import { RequestAppender, RequestTaker } from "./request-ring.js";
import { shareRocks } from "./rocksdb-binding.js";
import { describeRocksError } from "./rocksdb-errors.js";
import { workerReady } from "./worker-queue.js";

assert(parentPort !== null, "the read worker runs in a worker thread");
const port: MessagePort = parentPort;
const { handle, requests: requestMemory, answers: answerMemory, state } = workerData as ReadWorkerData;
const database = await shareRocks(handle);
const requests = new RequestTaker(requestMemory);
const answers = new RequestAppender(answerMemory);
/**
 * One read in so many puts what it found into the block cache, which brings in and keeps the blocks of indexes and filters. A block
 * of entries is hardly asked for again, as keys are scattered and hot entries have a cache of their own; to put each into the
 * cache, and another one out, took a fifth of a cold read's time.
 */
const readsPerFill = 8;
const fillingOptions = { fillCache: true };
const passingOptions = { fillCache: false };
const rowsOptions = { keyEncoding: "buffer", valueEncoding: "buffer", values: true } as const;
let reads = 0;

/** What a read found: of rows, keys and values in turn. */
interface Found {
  readonly values: Values;
  readonly valueMaxBytes: number;
  readonly isLast: boolean;
}

port.postMessage(workerReady);
for (;;) {
  requests.wait();
  while (requests.take()) answer();
}

function answer(): void {
  let found: Found;
  try {
    found = read();
  } catch (error) {
    append(readAnswerKind.failed, Buffer.from(JSON.stringify(describeRocksError(error))));
    return;
  } finally {
    requests.release();
  }
  const { values, valueMaxBytes, isLast } = found;
  const sizeBytes = packedValuesBytes(values, valueMaxBytes);
  if (sizeBytes > answerCopiedMaxBytes) {
    const posted = packValues(values, valueMaxBytes, isLast);
    port.postMessage(posted satisfies ReadMessage, [posted.buffer]);
    append(readAnswerKind.posted, emptyBytes);
    return;
  }
  reserve(sizeBytes);
  writePackedValues(values, valueMaxBytes, answers.memory, answers.payloadStart, isLast);
  publish(readAnswerKind.values);
}

function read(): Found {
  const { kind } = requests;
  const packed = kind === readKind.postedKeys || kind === readKind.postedRows ? receivePosted() : requests.payload;
  return kind === readKind.keys || kind === readKind.postedKeys ? readValues(packed) : readRows(packed);
}

function readValues(packed: Buffer): Found {
  const options = reads++ % readsPerFill === 0 ? fillingOptions : passingOptions;
  return { values: database._getManySync(readPackedKeys(packed), options), valueMaxBytes: valueMaxBytesOf(packed), isLast: false };
}

function readRows(packed: Buffer): Found {
  const [gte, lt, maxBytes] = readPackedKeys(packed) as [Buffer, Buffer, Buffer];
  const limit = valueMaxBytesOf(packed);
  // It ends after the row with which it has read more than the mark.
  const highWaterMarkBytes = maxBytes.readUInt32LE() - 1;
  const { rows, finished } = database.querySync({ ...rowsOptions, gte, lt, limit, highWaterMarkBytes });
  // It also calls itself finished where it has as many as were asked for.
  return { values: rows, valueMaxBytes: wholeValues, isLast: finished && rows.length < 2 * limit };
}

function append(kind: number, payload: Uint8Array): void {
  reserve(payload.length);
  answers.memory.set(payload, answers.payloadStart);
  publish(kind);
}

/** The other thread has been told of what fills the ring, and empties it. */
function reserve(payloadBytes: number): void {
  while (!answers.reserve(payloadBytes)) answers.waitForRoom();
}

function publish(kind: number): void {
  answers.publish(kind);
  if (Atomics.exchange(state, readState.announced, 1) === 0) port.postMessage("answered" satisfies ReadMessage);
}

function receivePosted(): Buffer {
  return asBuffer((receiveMessageOnPort(port) as { readonly message: Uint8Array }).message);
}
