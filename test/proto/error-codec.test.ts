import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as fc from "fast-check";
import { BigMapError } from "../../src/base/errors.js";
import { decodeErrorDetail, decodeStatusDetails, encodeErrorDetail, encodeStatusDetails } from "../../src/proto/error-codec.js";
import { bigmap } from "../../src/proto/gen/bigmap.js";
import { bigMapError } from "./arbitraries.js";

function facts({ code, message, retry, hint, currentVersion, ownerAddress }: BigMapError): unknown {
  return { code, message, retry, hint, currentVersion, ownerAddress };
}

describe("errors on the wire", () => {
  test("come back as they were, alone and inside a status", () => {
    fc.assert(
      fc.property(bigMapError, fc.nat(16), (error, status) => {
        assert.deepEqual(facts(decodeErrorDetail(encodeErrorDetail(error))), facts(error));
        const inStatus = decodeStatusDetails(encodeStatusDetails(status, error));
        assert.ok(inStatus !== undefined);
        assert.deepEqual(facts(inStatus), facts(error));
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  test("keep a current version of 0 with CONDITION_FAILED, and have none otherwise", () => {
    const absent = decodeErrorDetail(encodeErrorDetail(new BigMapError("CONDITION_FAILED", "no entry", { currentVersion: 0 })));
    assert.equal(absent.currentVersion, 0);
    assert.equal(decodeErrorDetail(encodeErrorDetail(new BigMapError("KEY_EMPTY", "no key"))).currentVersion, undefined);
  });

  const advices = [
    [bigmap.v1.RetryAdvice.RETRY_ADVICE_PERMANENT, "permanent"],
    [bigmap.v1.RetryAdvice.RETRY_ADVICE_TRANSIENT, "transient"],
    [bigmap.v1.RetryAdvice.RETRY_ADVICE_OUTCOME_UNKNOWN, "outcome unknown"],
  ] as const;
  for (const [wire, advice] of advices) {
    test(`with a code of a newer version keep the advice "${advice}"`, () => {
      const bytes = bigmap.v1.ErrorDetail.encode({ code: "MOON_PHASE_WRONG", message: "wait", retry: wire }).finish();
      const error = decodeErrorDetail(bytes);
      assert.equal(error.retry, advice);
      assert.equal(error.message, "MOON_PHASE_WRONG: wait");
    });
  }

  test("have these bytes in the status trailer", () => {
    const trailer = encodeStatusDetails(3, new BigMapError("KEY_EMPTY", "m", { hint: "h" }));
    const typeUrl = Buffer.from("type.googleapis.com/bigmap.v1.ErrorDetail").toString("hex");
    assert.equal(trailer.toString("hex"), `080312016d1a400a29${typeUrl}12130a094b45595f454d50545912016d1801220168`);
  });

  test("of a status without our detail are undefined, and a damaged status is FRAME_INVALID", () => {
    assert.equal(decodeStatusDetails(Buffer.from("080312016d", "hex")), undefined);
    assert.equal(decodeStatusDetails(Buffer.from("08031a060a04612f622f", "hex")), undefined);
    assert.throws(() => decodeStatusDetails(Buffer.from("08031aff", "hex")), { code: "FRAME_INVALID" });
  });

  test("of random bytes are refused as FRAME_INVALID or read", () => {
    const readOrRefuse = (bytes: Uint8Array): void => {
      for (const decode of [decodeErrorDetail, decodeStatusDetails]) {
        try {
          decode(bytes);
        } catch (error) {
          assert.ok(error instanceof BigMapError && error.code === "FRAME_INVALID", String(error));
        }
      }
    };
    fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), readOrRefuse), { seed: 2, numRuns: 3_000 });
  });
});
