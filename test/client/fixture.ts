import { BigMapError, type ErrorCode } from "../../src/base/errors.js";
import { seededRandom } from "../../src/base/random.js";
import { BigMap, type BigMapOptions } from "../../src/client/bigmap.js";
import { utf8 } from "../../src/client/codec.js";
import type { MapHandle } from "../../src/client/map-handle.js";
import { HeldConnection } from "./held-connection.js";
import { ManualClock } from "./manual-clock.js";

export interface Fixture {
  readonly connection: HeldConnection;
  readonly clock: ManualClock;
  readonly bigmap: BigMap;
  readonly map: MapHandle<string, string>;
}

/** A client whose time and whose server the test holds in its hands. Timeout: one second. */
export function openFixture(options: BigMapOptions = {}): Fixture {
  const connection = new HeldConnection();
  const clock = new ManualClock();
  const bigmap = new BigMap(connection, { clock, random: seededRandom(7), timeoutMs: 1_000, ...options });
  return { connection, clock, bigmap, map: bigmap.map("m", { value: utf8 }) };
}

/** What became of the calls: a value, or an error's code. */
export async function outcomesOf(calls: readonly Promise<unknown>[]): Promise<unknown[]> {
  const settled = await Promise.allSettled(calls);
  return settled.map((outcome): unknown => {
    if (outcome.status === "fulfilled") return outcome.value;
    return outcome.reason instanceof BigMapError ? (outcome.reason.code satisfies ErrorCode) : outcome.reason;
  });
}
