import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as fc from "fast-check";
import Long from "long";
import { BigMapError } from "../../src/base/errors.js";
import { errorToWire } from "../../src/proto/error-codec.js";
import { bigmap } from "../../src/proto/gen/bigmap.js";
import { decodePagesResponse, encodePagesResponse, pagesRequestCodec, type PageAnswer } from "../../src/proto/pages-codec.js";
import { entriesOf, pageOf } from "../base/scan-entries.js";
import { bigMapError, bytes, version } from "./arbitraries.js";

const { PagesResponse } = bigmap.v1;
const key = fc.uint8Array({ minLength: 1, maxLength: 200 });
const cursor = fc.option(fc.uint8Array({ minLength: 1, maxLength: 40 }), { nil: undefined });
const page = fc
  .record({ entries: fc.array(fc.record({ key, value: bytes(300), version }), { maxLength: 20 }), cursor })
  .map(({ entries, cursor: next }) => pageOf(entries, next));
const answers: fc.Arbitrary<PageAnswer[]> = fc.array(
  fc.record({ pageId: version, page: fc.oneof({ weight: 4, arbitrary: page }, bigMapError) }),
  {
    maxLength: 4,
  },
);

function plain(all: readonly PageAnswer[]): unknown {
  const hex = (raw: Uint8Array | undefined): string => Buffer.from(raw ?? []).toString("hex");
  return all.map(({ pageId, page: read }) => {
    if (read instanceof BigMapError) return { pageId, code: read.code, message: read.message, retry: read.retry, owner: read.ownerAddress };
    const entries = entriesOf(read).map((entry) => ({ ...entry, key: hex(entry.key), value: hex(entry.value) }));
    return { pageId, entries, cursor: hex(read.cursor) };
  });
}

/** The same message, made by the generated code. */
function generated(all: readonly PageAnswer[]): Buffer {
  const long = (number: number): Long => Long.fromNumber(number, true);
  const pages = all.map(({ pageId, page: read }) => {
    if (read instanceof BigMapError) return { pageId: long(pageId), error: errorToWire(read) };
    const entries = entriesOf(read);
    return {
      pageId: long(pageId),
      entries: read.count,
      keyBytes: entries.map((entry) => entry.key.length),
      keys: read.keys,
      valueBytes: read.values.length === 0 ? [] : entries.map((entry) => entry.value.length),
      values: read.values,
      versions: entries.map((entry) => long(entry.version)),
      cursor: read.cursor ?? new Uint8Array(0),
    };
  });
  return Buffer.from(PagesResponse.encode({ pages }).finish());
}

describe("pages of scans on the wire", () => {
  test("come back as they were, and as the generated code writes them", () => {
    fc.assert(
      fc.property(answers, (sent) => {
        assert.deepEqual(plain(decodePagesResponse(encodePagesResponse(sent))), plain(sent));
        assert.deepEqual(plain(decodePagesResponse(generated(sent))), plain(sent));
        assert.deepEqual(PagesResponse.decode(encodePagesResponse(sent)).toJSON(), PagesResponse.decode(generated(sent)).toJSON());
      }),
      { seed: 1, numRuns: 200 },
    );
  });

  test("are asked in messages that come back as they were", () => {
    const scan = fc.record(
      {
        map: fc.string({ unit: "grapheme", maxLength: 20 }),
        prefix: bytes(9).map((raw) => Buffer.from(raw)),
        limit: version,
        cursor: cursor.map((raw) => (raw === undefined ? undefined : Buffer.from(raw))),
        keysOnly: fc.boolean(),
        singlePage: fc.boolean(),
        noForward: fc.boolean(),
      },
      { noNullPrototype: true },
    );
    const requests = fc.array(fc.record({ pageId: version, scan: fc.option(scan, { nil: undefined }) }, { noNullPrototype: true }), {
      maxLength: 5,
    });
    fc.assert(
      fc.property(requests, (sent) => assert.deepEqual(pagesRequestCodec.decode(pagesRequestCodec.encode(sent)), sent)),
      { seed: 2, numRuns: 100 },
    );
  });

  test("are FRAME_INVALID where columns and bytes do not agree", () => {
    const whole = { pageId: Long.UONE, entries: 2, keyBytes: [1, 2], keys: Buffer.from("abb"), versions: [Long.UONE, Long.UONE] };
    const values = { valueBytes: [0, 3], values: Buffer.from("xyz") };
    const decode = (wire: bigmap.v1.Page.$Properties): unknown =>
      decodePagesResponse(Buffer.from(PagesResponse.encode({ pages: [wire] }).finish()));
    assert.doesNotThrow(() => [decode(whole), decode({ ...whole, ...values }), decode({ pageId: Long.UONE })]);
    const wrong: bigmap.v1.Page.$Properties[] = [
      { ...whole, entries: 3 },
      { ...whole, entries: 1 },
      { ...whole, entries: 0xffffffff },
      { ...whole, keyBytes: [1, 1] },
      { ...whole, keyBytes: [1, 3] },
      { ...whole, versions: [Long.UONE] },
      { ...whole, versions: [Long.UONE, Long.UONE, Long.UONE] },
      { ...whole, ...values, valueBytes: [3] },
      { ...whole, ...values, valueBytes: [1, 3] },
    ];
    for (const wire of wrong) assert.throws(() => decode(wire), { code: "FRAME_INVALID" });
  });

  test("made of noise are read or are FRAME_INVALID", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (noise) => {
        for (const decode of [decodePagesResponse, pagesRequestCodec.decode]) {
          try {
            decode(Buffer.from(noise));
          } catch (thrown) {
            assert.ok(thrown instanceof BigMapError && thrown.code === "FRAME_INVALID", String(thrown));
          }
        }
      }),
      { seed: 3, numRuns: 1_000 },
    );
  });
});
