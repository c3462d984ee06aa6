import { totalmem } from "node:os";
import { limits } from "../base/limits.js";

/**
 * Main memory that this process may take: the machine's, or that of its control group where it is less. `limitBytes`: 0 where there is no
 * limit, or nobody knows; more than the machine has where the control group sets none. Of nested control groups the innermost counts.
 */
export function machineMemoryBytes(limitBytes = process.constrainedMemory(), totalBytes = totalmem()): number {
  return limitBytes > 0 ? Math.min(limitBytes, totalBytes) : totalBytes;
}

/** The memory budget where none is given: the usual one, or half of what a small machine has. */
export function defaultMemoryBytes(machineBytes = machineMemoryBytes()): number {
  return Math.max(limits.memoryMinBytes, Math.min(limits.memoryDefaultBytes, Math.floor(machineBytes / 2)));
}
