import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { OperationBatch, ResultSink } from "../../src/base/operation-batch.js";
import { ResultBatchBuilder } from "../../src/base/result-batch-builder.js";
import { BigMap } from "../../src/client/bigmap.js";
import { utf8 } from "../../src/client/codec.js";
import { MemoryConnection } from "../map-api/memory-connection.js";

/** Answers as soon as the call that asked has returned, without an event of the loop. */
class PromptConnection extends MemoryConnection {
  override submit(batch: OperationBatch, _sessionId: number, sink: ResultSink): void {
    queueMicrotask(() => {
      const results = new ResultBatchBuilder();
      this.apply(batch, results);
      sink.deliver(results.build(true));
    });
  }
}

describe("a client whose answers come without an event", () => {
  test("lets the loop have its turn, however often it is asked", async () => {
    const map = new BigMap(new PromptConnection()).map("m", { value: utf8 });
    // The first waits for the end of its turn in any case.
    await map.put("key", "value");
    let hadItsTurn = false;
    setImmediate(() => (hadItsTurn = true));
    let asked = 0;
    for (; !hadItsTurn && asked < 10_000; asked++) await map.put("key", "value");
    assert.ok(hadItsTurn, `${asked} puts, and no turn of the loop`);
  });
});
