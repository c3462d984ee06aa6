import { readdirSync, readFileSync } from "node:fs";

/** Where nobody tells the limit it is taken for this, which is common. */
const assumedLimit = 1_024;
/** What the store and the process itself keep at least: a new server has some forty open, threads among them. */
const keptLeast = 256;
/** So many connections a server takes in any case: with fewer nobody could look what is wrong. */
const connectionsLeast = 16;
/** A limit below this is too low for a server. */
const fewLimit = 512;

/**
 * How many files and sockets this process may have open at once: Node raises its limit to the most that it may, and that is the "soft"
 * limit then. Infinity: no limit. `limitsFile`: what Linux tells a process of its limits.
 */
export function openFilesLimit(limitsFile = "/proc/self/limits"): number {
  let text: string;
  try {
    text = readFileSync(limitsFile, "latin1");
  } catch {
    return assumedLimit;
  }
  const soft = /^Max open files\s+(\d+|unlimited)\s/m.exec(text)?.[1];
  return soft === undefined ? assumedLimit : soft === "unlimited" ? Infinity : Number(soft);
}

/**
 * How many connections a server takes, each being an open file: half of the limit. The store keeps the other half, and 256 in any case: all
 * its tables are open, of 4 to 32 MiB each as the memory budget is, and it makes new ones as long as it is written to. Where it cannot open
 * a file it refuses all updates until the next start; a connection that is refused can try again.
 */
export function connectionsMost(limit = openFilesLimit()): number {
  return Math.max(connectionsLeast, Math.floor(Math.min(limit / 2, limit - keptLeast)));
}

/** Files and sockets that this process has open; 0 where nobody tells. `folder`: where Linux lists them. */
export function openFileCount(folder = "/proc/self/fd"): number {
  try {
    return readdirSync(folder).length;
  } catch {
    return 0;
  }
}

/** Whether to warn at the start: the limit is low in itself, or the store has half of its part open already, and it may grow. */
export function openFilesAreFew(limit: number, openCount: number): boolean {
  return limit < fewLimit || openCount > (limit - connectionsMost(limit)) / 2;
}
