import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { constants } from "node:http2";
import { describe, test } from "node:test";
import { emptyBytes } from "../../src/base/bytes.js";
import { BigMapError } from "../../src/base/errors.js";
import { limits } from "../../src/base/limits.js";
import type { ScanPage } from "../../src/base/scan-page.js";
import type { ScanRequest } from "../../src/proto/entry-codec.js";
import { decodePagesResponse, pagesRequestCodec } from "../../src/proto/pages-codec.js";
import { PageStream } from "../../src/replica/page-stream.js";
import { Places } from "../../src/replica/places.js";
import type { PipeCall } from "../../src/rpc/service.js";
import { StallWatch } from "../../src/rpc/stall-watch.js";
import { pageOf } from "../base/scan-entries.js";
import { ManualClock } from "../client/manual-clock.js";

/** A call whose other end is the test; it takes what was written when `take` is called. */
class FakeCall extends EventEmitter {
  /** Of each message: the ids of its pages; of those that failed with "!" and the code. */
  readonly written: string[][] = [];
  ended = false;
  isPaused = false;
  readonly resets: (number | string)[] = [];
  readonly call = { stream: { close: (code: number) => this.resets.push(code), destroy: () => this.resets.push("destroyed") } };
  #untaken: (() => void)[] = [];

  sendMetadata(): void {}

  write(frame: Buffer, taken: () => void): void {
    const pages = decodePagesResponse(frame);
    this.written.push(pages.map(({ pageId, page }) => (page instanceof BigMapError ? `!${pageId} ${page.code}` : String(pageId))));
    this.#untaken.push(taken);
  }

  take(messages = Infinity): void {
    for (const taken of this.#untaken.splice(0, messages)) taken();
  }

  ask(...pages: readonly (readonly [pageId: number, scan?: ScanRequest])[]): void {
    this.emit("data", pagesRequestCodec.encode(pages.map(([pageId, scan]) => ({ pageId, scan }))));
  }

  end(): void {
    this.ended = true;
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }
}

const scan: ScanRequest = {
  map: "m",
  prefix: emptyBytes,
  limit: 1,
  cursor: undefined,
  keysOnly: false,
  singlePage: true,
  noForward: false,
};
const wrong: ScanRequest = { ...scan, map: "none" };
/** Not gathered with others. */
const large: ScanRequest = { ...scan, map: "large" };

class StreamUnderTest {
  readonly call = new FakeCall();
  readonly clock: ManualClock;
  readonly places: Places;
  readonly stream: PageStream;
  ends = 0;
  /** While set, reads wait for it. */
  held: Promise<void> = Promise.resolve();

  constructor(placesMost = 2, overMost = 0, ofOther?: StreamUnderTest) {
    this.clock = ofOther?.clock ?? new ManualClock();
    const options = { clock: this.clock, what: "tests", placesMost, waitingMost: 1_000, heldMostMs: 1_000, overMost };
    this.places = ofOther?.places ?? new Places(options);
    this.call.on("error", () => undefined);
    this.stream = new PageStream(this.call as unknown as PipeCall, {
      stalls: new StallWatch(this.clock),
      ownPlaces: new Places({ ...options, placesMost: limits.scanPagesOfStreamMost }),
      placesOf: () => this.places,
      read: (asked) => this.#read(asked),
      onEnd: () => this.ends++,
    });
  }

  async #read(asked: ScanRequest): Promise<ScanPage> {
    await this.held;
    if (asked.map === "none") throw new BigMapError("MAP_NOT_FOUND", "There is no such map");
    return pageOf([{ key: Buffer.from("k"), value: Buffer.alloc(asked.map === "large" ? 300_000 : 1), version: 1 }], undefined);
  }
}

describe("a stream of pages", () => {
  test("answers in one message what is read in one turn, and one that fails by itself", async () => {
    const { call } = new StreamUnderTest(3);
    call.ask([1, scan], [2, wrong], [7, scan]);
    await turns();
    assert.deepEqual(
      call.written.map((pages) => pages.toSorted()),
      [["!2 MAP_NOT_FOUND", "1", "7"]],
    );
  });

  test("keeps a page's place until it was taken", async () => {
    const { call, places } = new StreamUnderTest(2);
    call.ask([1, scan], [2, scan], [3, scan]);
    await turns();
    assert.deepEqual([call.written, places.taken, places.waiting], [[["1", "2"]], 2, 1]);
    call.take();
    await turns();
    assert.deepEqual([call.written, places.taken, places.waiting], [[["1", "2"], ["3"]], 1, 0]);
    call.take();
    assert.equal(places.taken, 0);
  });

  test("gives up a page that waits, and one that is being read", async () => {
    const subject = new StreamUnderTest(1);
    const { call, places } = subject;
    let go = (): void => undefined;
    subject.held = new Promise((resolve) => (go = resolve));
    call.ask([1, scan], [2, scan]);
    await turns();
    call.ask([2], [1], [9]);
    go();
    await turns();
    assert.deepEqual(call.written.flat().sort(), ["!1 CANCELLED", "!2 CANCELLED"]);
    assert.deepEqual([places.taken, places.waiting], [0, 0]);
  });

  test("gives all places back when its client has gone", async () => {
    const { call, places, clock } = new StreamUnderTest(2);
    call.ask([1, scan], [2, scan], [3, scan]);
    await turns();
    call.emit("cancelled");
    await turns();
    call.take();
    assert.deepEqual([places.taken, places.waiting, call.written.length], [0, 0, 1]);
    // One watch for stalls looks once more.
    clock.advance(limits.streamStallMostMs);
    assert.equal(clock.pendingTimers, 0);
  });

  test("that failed is watched, and keeps the places of what is written, until its client takes that or has gone", async () => {
    for (const leave of [(call: FakeCall) => call.take(), (call: FakeCall) => call.emit("cancelled")]) {
      const { call, places, clock } = new StreamUnderTest(2, 2);
      call.ask([1, scan], [2, scan]);
      await turns();
      call.emit("data", Buffer.of(0xff));
      assert.deepEqual([call.written, places.taken, call.isPaused, call.resets], [[["1", "2"]], 2, false, []]);
      leave(call);
      assert.equal(places.taken, 0);
      clock.advance(2 * limits.streamStallMostMs);
      assert.deepEqual([clock.pendingTimers, call.resets], [0, []]);
    }
  });

  test("that failed is cut off where its client takes nothing, and what was read and not written has no place", async () => {
    const subject = new StreamUnderTest(3, 3);
    const { call, places, clock } = subject;
    call.ask([1, large]);
    await turns();
    let go = (): void => undefined;
    subject.held = new Promise((resolve) => (go = resolve));
    call.ask([2, scan], [3, scan]);
    go();
    // Read, and not written before the turn ends.
    for (let i = 0; i < 20; i++) await Promise.resolve();
    subject.stream.fail(new BigMapError("SHUTTING_DOWN", "The test stops"));
    assert.deepEqual([call.written, places.taken, subject.ends], [[["1"]], 1, 1]);
    clock.advance(limits.streamStallMostMs);
    clock.advance(limits.streamStallMostMs);
    await turns();
    assert.deepEqual([call.written, places.taken], [[["1"]], 0]);
    assert.deepEqual([call.resets, clock.pendingTimers], [[constants.NGHTTP2_ENHANCE_YOUR_CALM, "destroyed"], 0]);
  });

  test("ends, with all its pages, where its reader is slow and others wait", async () => {
    const subject = new StreamUnderTest(1);
    subject.call.ask([1, scan], [2, scan]);
    await turns();
    subject.clock.advance(1_000);
    await turns();
    assert.deepEqual([subject.ends, subject.places.taken, subject.places.waiting], [1, 0, 0]);
  });

  for (const scans of [128, 200]) {
    test(`whose reader is slow reads ${scans} scans to their end, and another client's page in between`, async () => {
      const slow = new StreamUnderTest(limits.scanPagesServedMost, limits.scanPagesOverMost);
      const other = new StreamUnderTest(0, 0, slow);
      const ids = Array.from({ length: scans }, (_, i) => i + 1);
      slow.call.ask(...ids.map((pageId) => [pageId, large] as const));
      for (const pageId of ids) {
        await turns();
        assert.ok(slow.places.taken <= limits.scanPagesOfStreamMost);
        assert.equal(slow.places.waiting, 0);
        other.call.ask([pageId, scan]);
        await turns();
        assert.equal(other.call.written.length, pageId);
        other.call.take();
        // Longer than a page may have its place, and less than what counts as a stall.
        slow.clock.advance(1_500);
        slow.call.take(1);
      }
      assert.deepEqual(slow.call.written.flat(), ids.map(String));
      assert.deepEqual([slow.ends, other.ends, slow.call.resets, slow.places.taken], [0, 0, [], 0]);
    });
  }

  test("gives up a page that waits for one of the stream's own places", async () => {
    const { call, places } = new StreamUnderTest(limits.scanPagesServedMost);
    const own = limits.scanPagesOfStreamMost;
    call.ask(...Array.from({ length: own + 2 }, (_, i) => [i + 1, scan] as const));
    await turns();
    assert.deepEqual([places.taken, places.waiting, call.written.flat().length], [own, 0, own]);
    call.ask([own + 1]);
    await turns();
    call.take();
    await turns();
    assert.deepEqual(call.written.slice(1).flat(), [`!${own + 1} CANCELLED`, String(own + 2)]);
    call.take();
    assert.equal(places.taken, 0);
  });

  test("ends in order when the client asks for no more", async () => {
    const { call } = new StreamUnderTest(1);
    call.ask([1, scan], [2, scan]);
    call.emit("end");
    await turns();
    assert.equal(call.ended, false);
    call.take();
    await turns();
    assert.deepEqual([call.ended, call.written], [true, [["1"], ["2"]]]);
  });

  test("does so behind a page that leaves at once", async () => {
    const { call } = new StreamUnderTest(1);
    call.ask([1, large]);
    call.emit("end");
    await turns();
    assert.deepEqual([call.ended, call.written], [true, [["1"]]]);
  });

  test("reads no further requests while many answers were not taken", async () => {
    const { call } = new StreamUnderTest(100);
    for (let pageId = 1; pageId <= 64; pageId++) {
      assert.equal(call.isPaused, false);
      call.ask([pageId, wrong]);
      await turns();
    }
    assert.equal(call.isPaused, true);
    call.take();
    assert.equal(call.isPaused, false);
  });

  test("refuses ids that do not grow, too many pages at once, too large messages, and what is no message", () => {
    const most = limits.scanPagesWaitingMost;
    const cases: readonly [string, (call: FakeCall) => void][] = [
      ["FRAME_INVALID", (call) => call.ask([3, scan], [3, scan])],
      ["BATCH_TOO_LARGE", (call) => call.ask(...Array.from({ length: most + 1 }, (_, i) => [i + 1, scan] as const))],
      // Not decoded: it is no message.
      ["BATCH_TOO_LARGE", (call) => call.emit("data", Buffer.alloc(limits.scanRequestsMaxBytes + 1, 0xff))],
      // Requests without content, and behind them what is no message.
      ["BATCH_TOO_LARGE", (call) => call.emit("data", Buffer.concat([Buffer.alloc(2 * (most + 1), Buffer.of(10, 0)), Buffer.of(0xff)]))],
      ["FRAME_INVALID", (call) => call.emit("data", Buffer.of(0xff))],
    ];
    for (const [code, ask] of cases) {
      const subject = new StreamUnderTest();
      const { call } = subject;
      let details = "";
      call.on("error", (status: { details: string; metadata: { get(name: string): Buffer[] } }) => {
        details = status.metadata.get("grpc-status-details-bin").toString();
      });
      ask(call);
      assert.ok(details.includes(code), code);
      assert.equal(subject.ends, 1);
    }
  });
});

async function turns(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
}
