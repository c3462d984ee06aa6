import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { describe, test } from "node:test";
import { BigMapError } from "../../src/base/errors.js";
import { limits } from "../../src/base/limits.js";
import { resultStatus } from "../../src/base/operation-batch.js";
import { mapMethods } from "../../src/proto/methods.js";
import { encodePipeRequest } from "../../src/proto/pipe-request-codec.js";
import { decodePipeResponse } from "../../src/proto/pipe-response-codec.js";
import { failureOf } from "../../src/rpc/grpc-channel.js";
import type { PipeState } from "../../src/rpc/pipe-client.js";
import type { FakeTarget } from "./fake-target.js";
import { asks, gets, PipeFixture, puts, RecordingSink, valuesOf } from "./pipe-fixture.js";

describe("a pipe", () => {
  test("carries batches in order and answers each", async (context) => {
    const { target, ...fixture } = await PipeFixture.start(context).then((f) => ({ target: f.target, pipe: f.openPipe() }));
    const sinks = Array.from({ length: 200 }, (_, i) => {
      const sink = new RecordingSink(2);
      fixture.pipe.submit(i % 2 === 0 ? puts({ a: `a${i}`, b: `b${i}` }) : gets(["a", "b"]), sink);
      return sink;
    });
    await Promise.all(sinks.map((sink) => sink.done));
    for (const [i, sink] of sinks.entries()) {
      if (i % 2 === 1) assert.deepEqual(sink.parts.flatMap(valuesOf), [`a${i - 1}`, `b${i - 1}`]);
    }
    assert.equal(new Set(target.submissions.map(({ sessionId }) => sessionId)).size, 1);
    await fixture.pipe.close();
    assert.deepEqual(fixture.pipe.state, { kind: "closed", error: undefined });
  });

  test("brings a batch's answer in parts, in any order", async (context) => {
    const fixture = await PipeFixture.start(context);
    fixture.target.holding = true;
    const pipe = fixture.openPipe();
    const sink = new RecordingSink(3);
    pipe.submit(puts({ a: "1", b: "2", c: "3" }), sink);
    await fixture.target.arrived(1);
    const [submission] = fixture.target.submissions;
    assert.ok(submission !== undefined);
    fixture.target.answer(submission, [2]);
    fixture.target.answer(submission, [1, 0]);
    await sink.done;
    assert.deepEqual(
      sink.parts.map(({ indexes }) => [...(indexes ?? [])]),
      [[2], [1, 0]],
    );
    await pipe.close();
  });

  test("carries more than the window holds, and says when there is room", async (context) => {
    const fixture = await PipeFixture.start(context);
    let rooms = 0;
    const pipe = fixture.openPipe({ windowMaxOperations: 4, onRoom: () => rooms++ });
    const sinks = Array.from({ length: 50 }, () => new RecordingSink(1));
    for (const sink of sinks) pipe.submit(gets(["k"]), sink);
    await Promise.all(sinks.map((sink) => sink.done));
    assert.ok(sinks.every((sink) => sink.loss === undefined));
    assert.ok(rooms >= 1);
    assert.ok(pipe.hasRoom);
    await pipe.close();
  });

  test("does not send what the window has no room for, and refuses what the queue has no room for", async (context) => {
    const fixture = await PipeFixture.start(context);
    fixture.target.holding = true;
    const pipe = fixture.openPipe({ windowMaxOperations: 1, queueMaxOperations: 1 });
    const sinks = [1, 2, 3].map(() => new RecordingSink(1));
    for (const sink of sinks) pipe.submit(gets(["k"]), sink);
    await fixture.target.arrived(1);
    assert.equal(pipe.unansweredOperations <= 1, true);
    const lost = sinks.filter((sink) => sink.loss !== undefined);
    assert.equal(lost[0]?.error?.code, "OVERLOADED");
    assert.equal(lost[0]?.loss?.mayHaveBegun, false);
    pipe.abort(new BigMapError("CANCELLED", "test"));
    assert.deepEqual(sinks.map((sink) => sink.loss?.mayHaveBegun).sort(), [false, false, true]);
  });

  test("does not send a batch whose deadline has passed", async (context) => {
    const fixture = await PipeFixture.start(context);
    const pipe = fixture.openPipe();
    const sink = new RecordingSink(1);
    pipe.submit(gets(["k"], 0), sink);
    await sink.done;
    assert.equal(sink.error?.code, "DEADLINE_EXCEEDED");
    assert.equal(sink.loss?.mayHaveBegun, false);
    assert.equal(fixture.target.submissions.length, 0);
    await pipe.close();
  });

  test("gives up what is withdrawn and drops its answers", async (context) => {
    const fixture = await PipeFixture.start(context);
    fixture.target.holding = true;
    const pipe = fixture.openPipe();
    const [withdrawn, kept] = [new RecordingSink(1), new RecordingSink(1)];
    pipe.submit(asks(["a"]), withdrawn);
    pipe.submit(asks(["b"]), kept);
    await fixture.target.arrived(2);
    pipe.withdraw(withdrawn, new BigMapError("CANCELLED", "test"));
    assert.equal(withdrawn.loss?.mayHaveBegun, true);
    for (const submission of fixture.target.submissions) fixture.target.answer(submission);
    await kept.done;
    assert.equal(withdrawn.parts.length, 0);
    assert.equal(kept.parts.length, 1);
    await pipe.close();
  });

  test("that cannot connect loses everything as never begun", async (context) => {
    const fixture = await PipeFixture.start(context);
    await fixture.server.stop(0);
    const pipe = fixture.openPipe();
    const sink = new RecordingSink(1);
    pipe.submit(puts({ a: "1" }), sink);
    await sink.done;
    assert.equal(sink.error?.code, "UNAVAILABLE");
    assert.equal(sink.loss?.mayHaveBegun, false);
  });

  test("whose server stops in order answers what was accepted and loses the rest as never begun", async (context) => {
    const fixture = await PipeFixture.start(context);
    fixture.target.holding = true;
    const states: PipeState["kind"][] = [];
    const pipe = fixture.openPipe({ windowMaxOperations: 2, onStateChange: ({ kind }) => states.push(kind) });
    const [accepted, waiting, late] = [new RecordingSink(2), new RecordingSink(1), new RecordingSink(1)];
    pipe.submit(puts({ a: "1", b: "2" }), accepted);
    pipe.submit(puts({ c: "3" }), waiting);
    await fixture.target.arrived(1);
    const stopped = fixture.server.stop(5_000);
    const [submission] = fixture.target.submissions;
    assert.ok(submission !== undefined);
    fixture.target.answer(submission);
    await Promise.all([accepted.done, waiting.done, stopped]);
    assert.equal(accepted.loss, undefined);
    // The window opened with the answer, so the waiting batch may have left before the end was known.
    assert.equal(waiting.error?.code, "SHUTTING_DOWN");
    assert.equal(waiting.loss?.mayHaveBegun, false);
    pipe.submit(gets(["a"]), late);
    assert.equal(late.loss?.mayHaveBegun, false);
    assert.equal(fixture.target.submissions.length, 1);
    assert.deepEqual(states.slice(0, 2), ["open", "closing"]);
    assert.equal(fixture.pipes.openPipes, 0);
  });

  test("that breaks loses what was sent with its outcome unknown, and names the operations", async (context) => {
    const fixture = await PipeFixture.start(context);
    fixture.target.holding = true;
    const pipe = fixture.openPipe();
    const sink = new RecordingSink(3);
    pipe.submit(puts({ a: "1", b: "2", c: "3" }), sink);
    await fixture.target.arrived(1);
    const [submission] = fixture.target.submissions;
    assert.ok(submission !== undefined);
    const partArrived = new Promise<void>((resolve) => {
      const deliver = sink.deliver.bind(sink);
      sink.deliver = (results) => {
        deliver(results);
        resolve();
      };
    });
    fixture.target.answer(submission, [1]);
    await partArrived;
    await fixture.server.stop(0);
    await sink.done;
    assert.equal(sink.loss?.mayHaveBegun, true);
    assert.deepEqual([...(sink.loss?.indexes ?? [])], [0, 2]);
    assert.equal(pipe.state.kind, "closed");
  });

  test("whose client vanishes harms neither the target nor other pipes", async (context) => {
    const fixture = await PipeFixture.start(context);
    fixture.target.holding = true;
    const [vanishing, staying] = [fixture.openPipe(), fixture.openPipe()];
    const [gone, kept] = [new RecordingSink(1), new RecordingSink(1)];
    vanishing.submit(gets(["a"]), gone);
    await fixture.target.arrived(1);
    vanishing.abort(new BigMapError("CANCELLED", "test"));
    staying.submit(gets(["a"]), kept);
    await fixture.target.arrived(2);
    for (const submission of fixture.target.submissions) fixture.target.answer(submission);
    await kept.done;
    assert.equal(kept.parts.length, 1);
    assert.equal(gone.parts.length, 0);
    await staying.close();
    assert.equal(fixture.pipes.openPipes, 0);
  });

  test("ends with FRAME_INVALID after a malformed frame, once what came before is answered; other pipes go on", async (context) => {
    const fixture = await PipeFixture.start(context);
    const other = fixture.openPipe();
    const stream = fixture.channel.openPipe(mapMethods.pipe);
    const answers: Buffer[] = [];
    stream.on("data", (frame: Buffer) => answers.push(frame));
    stream.write(encodePipeRequest(gets(["a"]), 1, 0));
    stream.write(Buffer.from("ffff", "hex"));
    const [error] = (await once(stream, "error")) as [Error];
    assert.equal(failureOf(error).code, "FRAME_INVALID");
    assert.equal(answers.length, 1);
    const sink = new RecordingSink(1);
    other.submit(gets(["a"]), sink);
    await sink.done;
    assert.equal(sink.loss, undefined);
    await other.close();
  });

  test("a pipe in the background has its operations carried out where those give way to others", async (context) => {
    const fixture = await PipeFixture.start(context);
    const [ordinary, background] = [fixture.openPipe(), fixture.openPipe({}, true)];
    const sinks = [ordinary, background].map((pipe, i) => {
      const sink = new RecordingSink(1);
      pipe.submit(puts({ [`key-${i}`]: "value" }), sink);
      return sink;
    });
    await Promise.all(sinks.map((sink) => sink.done));
    const keysOf = (target: FakeTarget): string[] => target.submissions.map(({ batch }) => Buffer.from(batch.keys).toString());
    assert.deepEqual(keysOf(fixture.target), ["key-0"]);
    assert.deepEqual(keysOf(fixture.backgroundTarget), ["key-1"]);
    await Promise.all([ordinary.close(), background.close()]);
    assert.deepEqual(
      fixture.backgroundTarget.dropped,
      fixture.backgroundTarget.submissions.map(({ sessionId }) => sessionId),
    );
  });

  test("ends with FRAME_INVALID where batch ids do not grow by one", async (context) => {
    const fixture = await PipeFixture.start(context);
    const stream = fixture.channel.openPipe(mapMethods.pipe);
    stream.resume();
    stream.write(encodePipeRequest(gets(["a"]), 2, 0));
    const [error] = (await once(stream, "error")) as [Error];
    assert.equal(failureOf(error).code, "FRAME_INVALID");
  });

  test("refuses a message over the limit", async (context) => {
    const fixture = await PipeFixture.start(context);
    const stream = fixture.channel.openPipe(mapMethods.pipe);
    stream.resume();
    stream.write(Buffer.alloc(limits.messageMaxBytes + 1));
    const [error] = (await once(stream, "error")) as [Error];
    assert.equal(failureOf(error).code, "BATCH_TOO_LARGE");
  });

  test("stops reading while its operations are unanswered", async (context) => {
    const fixture = await PipeFixture.start(context);
    fixture.target.holding = true;
    const keys = Array.from({ length: limits.batchMaxOperations }, () => "k");
    const needed = Math.ceil(limits.pipeMaxOperations / keys.length);
    const pipe = fixture.openPipe({ windowMaxOperations: Infinity, windowMaxBytes: Infinity });
    const sinks = Array.from({ length: 3 * needed }, () => new RecordingSink(keys.length));
    for (const sink of sinks) pipe.submit(asks(keys), sink);
    await fixture.target.arrived(needed);
    // Another pipe's round trip shows that the server has had time to read on, and did not.
    fixture.target.holding = false;
    const probe = new RecordingSink(1);
    fixture.openPipe().submit(gets(["k"]), probe);
    await probe.done;
    assert.equal(fixture.target.submissions.filter(({ batch }) => batch.count > 1).length, needed);
    for (const submission of fixture.target.submissions) if (submission.batch.count > 1) fixture.target.answer(submission);
    await Promise.all(sinks.map((sink) => sink.done));
    assert.ok(sinks.every((sink) => sink.loss === undefined));
    await pipe.close();
  });

  test("whose client takes no answers gets OVERLOADED in place of values, and the server's memory stays bounded", async (context) => {
    const fixture = await PipeFixture.start(context);
    const filling = fixture.openPipe();
    const filled = new RecordingSink(2);
    filling.submit(puts({ small: "1", large: Buffer.alloc(limits.valueMaxBytes) }), filled);
    await filled.done;
    const stream = fixture.channel.openPipe(mapMethods.pipe);
    // From then on small values are expected.
    const smallBatches = 20;
    for (let id = 1; id <= smallBatches; id++) {
      stream.write(encodePipeRequest(gets(Array.from({ length: 60 }, () => "small")), id, 0));
      for (let answered = 0; answered < 60;) {
        const [frame] = (await once(stream, "data")) as [Buffer];
        for (const { results } of decodePipeResponse(frame).answers) answered += results.count;
      }
    }
    stream.pause();
    fixture.target.holding = true;
    const before = fixture.target.submissions.length;
    stream.write(encodePipeRequest(gets(Array.from({ length: 200 }, () => "large")), smallBatches + 1, 0));
    await fixture.target.arrived(before + 1);
    const submission = fixture.target.submissions[before];
    assert.equal(submission?.batch.count, 200);
    for (let i = 0; i < 200; i++) fixture.target.answer(submission, [i]);
    let [values, refused] = [0, 0];
    await new Promise<void>((resolve) => {
      stream.on("data", (frame: Buffer) => {
        for (const { results } of decodePipeResponse(frame).answers) {
          if (results.statuses[0] === resultStatus.foundValue) values++;
          else if (results.errors.get(0)?.code === "OVERLOADED") refused++;
        }
        if (values + refused === 200) resolve();
      });
      stream.resume();
    });
    assert.ok(values <= limits.pipeReplyMaxBytes / limits.valueMaxBytes + 1, `${values} values were kept`);
    assert.ok(values >= 32);
    stream.on("error", () => undefined);
    stream.cancel();
    await filling.close();
  });
});

describe("the port of a server", () => {
  test("survives random bytes", async (context) => {
    const fixture = await PipeFixture.start(context);
    const socket = connect(fixture.server.port, "127.0.0.1");
    socket.on("error", () => undefined);
    socket.resume();
    socket.end(Buffer.from(Array.from({ length: 5_000 }, (_, i) => (i * 7919) & 0xff)));
    await once(socket, "close");
    const pipe = fixture.openPipe();
    const sink = new RecordingSink(1);
    pipe.submit(gets(["k"]), sink);
    await sink.done;
    assert.equal(sink.loss, undefined);
    await pipe.close();
  });
});
