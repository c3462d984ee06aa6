import { readdirSync, readFileSync } from "node:fs";
import { setPriority } from "node:os";

/** A third of the processor time of an ordinary thread, where there is not enough for all. */
const compactionNiceness = 5;

/**
 * Lets the threads that compact yield to those that answer. RocksDB has a switch for this (LowerThreadPoolCPUPriority), which the binding
 * does not offer; Linux knows a priority for each thread, by the thread's id, and RocksDB names its threads. Elsewhere nothing happens.
 */
export function yieldInCompactions(): void {
  for (const threadId of threadIds()) {
    try {
      if (readFileSync(`/proc/self/task/${threadId}/comm`, "utf8").startsWith("rocksdb:low"))
        setPriority(Number(threadId), compactionNiceness);
    } catch {
      // The thread has ended, or the system does not let us: they run as they did.
    }
  }
}

function threadIds(): readonly string[] {
  try {
    return readdirSync("/proc/self/task");
  } catch {
    return [];
  }
}
