import { totalmem } from "node:os";

/** Main memory that this process may take: the machine's, or that of its control group where it is less. */
export function machineMemoryBytes(): number {
  // 0 where there is no limit, or nobody knows; more than the machine has where the control group sets none.
  const limitBytes = process.constrainedMemory();
  return limitBytes > 0 ? Math.min(limitBytes, totalmem()) : totalmem();
}
