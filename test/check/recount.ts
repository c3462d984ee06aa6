import { limits } from "../../src/base/limits.js";
import { formatRange, rangeContains, type HashRange } from "../../src/ring/hash-range.js";
import { tokenOf } from "../../src/ring/token.js";
import type { CanisterStatus } from "../../src/ring/topology.js";

export interface CountedEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/**
 * Counts a full scan of one map and compares it with what its canisters say of themselves; returns what differs, one
 * sentence each. The map must be at rest. Also checks that the ranges cover the token space exactly once, that no key was
 * scanned twice, and that no canister is over its cap.
 */
export async function recount(scan: AsyncIterable<CountedEntry>, canisters: readonly CanisterStatus[]): Promise<string[]> {
  const inRingOrder = [...canisters].sort((left, right) => compareStarts(left.range, right.range));
  const counted = inRingOrder.map(() => ({ entries: 0, bytes: 0 }));
  const seen = new Set<string>();
  const differences = coverageGaps(inRingOrder.map((canister) => canister.range));
  for await (const { key, value } of scan) {
    const name = Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString("latin1");
    if (seen.has(name)) differences.push(`the scan returned the key ${JSON.stringify(name)} twice`);
    seen.add(name);
    const token = tokenOf(key);
    const count = counted[inRingOrder.findIndex((canister) => rangeContains(canister.range, token.high, token.low))];
    if (count === undefined) continue;
    count.entries++;
    count.bytes += key.length + value.length + limits.entryOverheadBytes;
  }
  inRingOrder.forEach((canister, i) => differences.push(...canisterDifferences(canister, counted[i] ?? { entries: 0, bytes: 0 })));
  return differences;
}

function canisterDifferences(canister: CanisterStatus, counted: { readonly entries: number; readonly bytes: number }): string[] {
  const name = `canister ${canister.canisterId} ${formatRange(canister.range)}`;
  const differences: string[] = [];
  if (canister.entries !== counted.entries) differences.push(`${name} says ${canister.entries} entries, the scan found ${counted.entries}`);
  if (canister.bytes !== counted.bytes) differences.push(`${name} says ${canister.bytes} bytes, the scan found ${counted.bytes}`);
  if (counted.bytes > canister.capBytes) differences.push(`${name} holds ${counted.bytes} bytes, over its cap of ${canister.capBytes}`);
  return differences;
}

/** Where ranges in the order of their starts do not cover the token space exactly once. */
export function coverageGaps(ranges: readonly HashRange[]): string[] {
  const gaps: string[] = [];
  let expected = { high: 0, low: 0 };
  for (const range of ranges) {
    const meets = range.start.high === expected.high && range.start.low === expected.low;
    if (!meets) gaps.push(`the ring has a gap or an overlap at ${formatRange(range)}`);
    expected = range.end;
  }
  if (expected.high !== 2 ** 32 || expected.low !== 0) gaps.push("the ring does not reach the end of the token space");
  return gaps;
}

function compareStarts(left: HashRange, right: HashRange): number {
  return left.start.high - right.start.high || left.start.low - right.start.low;
}
