/** The thread behind ReadThread. It never closes the database: that is the owner's. HOT. */
import { parentPort, receiveMessageOnPort, workerData, type MessagePort } from "node:worker_threads";
import { asBuffer, emptyBytes } from "../base/bytes.js";
import { assert } from "../base/errors.js";
import { readPackedKeys, valueMaxBytesOf } from "./packed-keys.js";
import { packedValuesBytes, packValues, writePackedValues, type Values } from "./packed-values.js";
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
let reads = 0;

port.postMessage(workerReady);
for (;;) {
  requests.wait();
  while (requests.take()) answer();
}

function answer(): void {
  const packed = requests.kind === readKind.posted ? receivePosted() : requests.payload;
  const valueMaxBytes = valueMaxBytesOf(packed);
  let values: Values;
  try {
    values = database._getManySync(readPackedKeys(packed), reads++ % readsPerFill === 0 ? fillingOptions : passingOptions);
  } catch (error) {
    append(readAnswerKind.failed, Buffer.from(JSON.stringify(describeRocksError(error))));
    return;
  } finally {
    requests.release();
  }
  const sizeBytes = packedValuesBytes(values, valueMaxBytes);
  if (sizeBytes > answerCopiedMaxBytes) {
    const posted = packValues(values, valueMaxBytes);
    port.postMessage(posted satisfies ReadMessage, [posted.buffer]);
    append(readAnswerKind.posted, emptyBytes);
    return;
  }
  reserve(sizeBytes);
  writePackedValues(values, valueMaxBytes, answers.memory, answers.payloadStart);
  publish(readAnswerKind.values);
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
