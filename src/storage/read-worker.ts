/** A thread behind ReadThreads. It never closes the database: that is the owner's. HOT. */
import { parentPort, workerData, type MessagePort } from "node:worker_threads";
import { assert } from "../base/errors.js";
import { packValues, unpackValues } from "./packed-values.js";
import type { ReadAnswer, ReadRequest, ReadWorkerData } from "./read-threads.js";
import { shareRocks } from "./rocksdb-binding.js";
import { describeRocksError } from "./rocksdb-errors.js";
import { workerReady } from "./worker-queue.js";

assert(parentPort !== null, "the read worker runs in a worker thread");
const port: MessagePort = parentPort;
const database = await shareRocks((workerData as ReadWorkerData).handle);

port.on("message", (request: ReadRequest) => {
  try {
    // None is absent in a request.
    const keys = unpackValues(request) as Buffer[];
    const packed = packValues(database._getManySync(keys, { valueEncoding: "buffer" }));
    port.postMessage(packed satisfies ReadAnswer, [packed.buffer as ArrayBuffer]);
  } catch (error) {
    port.postMessage(describeRocksError(error) satisfies ReadAnswer);
  }
});
port.postMessage(workerReady);
