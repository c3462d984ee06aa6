import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { systemClock } from "../../src/base/clock.js";
import { limits } from "../../src/base/limits.js";
import { silentLogger } from "../../src/base/logger.js";
import { DiskGuard } from "../../src/server/disk-guard.js";

const mibBytes = 2 ** 20;
const reserveBytes = limits.diskReserveBytes;

describe("the guard of the disk", () => {
  let freeBytes = 0;
  let workBytes = 0;
  const guardOf = (): DiskGuard => {
    const space = { freeBytes: async () => freeBytes };
    return new DiskGuard(space, { statistics: () => ({ diskBytes: 0, workBytes }) }, systemClock, silentLogger);
  };

  test("refuses puts below the reserve, all updates below half of it, and nothing when there is room again", async () => {
    const guard = guardOf();
    workBytes = 0;
    const refusedAt = async (bytes: number): Promise<string> => {
      freeBytes = bytes;
      await guard.measure();
      return guard.refuses(0, 0);
    };
    assert.equal(await refusedAt(reserveBytes), "no");
    assert.equal(await refusedAt(reserveBytes - 1), "puts");
    assert.equal(await refusedAt(reserveBytes / 2 - 1), "updates");
    assert.equal(await refusedAt(reserveBytes + mibBytes), "no");
  });

  test("keeps room for the work that the engine has yet to do", async () => {
    const guard = guardOf();
    freeBytes = reserveBytes + 10 * mibBytes;
    workBytes = 11 * mibBytes;
    await guard.measure();
    assert.equal(guard.refuses(0, 0), "puts");
  });

  test("counts what was accepted since it looked, until it looks again", async () => {
    const guard = guardOf();
    freeBytes = reserveBytes + 10 * mibBytes;
    workBytes = 0;
    await guard.measure();
    assert.equal(guard.refuses(5 * mibBytes, 0), "no");
    assert.equal(guard.refuses(5 * mibBytes + 1, 4 * mibBytes), "puts");
    // What is answered is written, so the next look sees it; what is under way it does not see.
    await guard.measure();
    assert.equal(guard.refuses(9 * mibBytes, 9 * mibBytes), "no");
    assert.equal(guard.refuses(9 * mibBytes + 1, 9 * mibBytes), "puts");
  });

  test("without a disk to watch refuses nothing", async () => {
    const guard = new DiskGuard(undefined, { statistics: () => assert.fail("nobody asks") }, systemClock, silentLogger);
    await guard.measure();
    assert.equal(guard.refuses(2 ** 50, 0), "no");
  });
});
