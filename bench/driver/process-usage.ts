import { readFileSync } from "node:fs";
import { cpus } from "node:os";
import { setTimeout as delay } from "node:timers/promises";

/** The kernel counts processor time in these (USER_HZ, which is 100 on every Linux that Node runs on). */
const ticksPerSecond = 100;
const statFieldsBeforeUtime = 11;

/** User and system time of the processes and of their children that ended, in seconds, to 10 ms. 0 for one that is gone. Linux only. */
export function cpuSecondsOf(pids: readonly number[]): number {
  let ticks = 0;
  for (const pid of pids) {
    const stat = readProcFile(pid, "stat");
    // The command's name, in parentheses, may hold spaces.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    for (const field of fields.slice(statFieldsBeforeUtime, statFieldsBeforeUtime + 4)) ticks += Number(field);
  }
  return ticks / ticksPerSecond;
}

/** Main memory that the processes hold now, in bytes. */
export function residentBytesOf(pids: readonly number[]): number {
  let kibibytes = 0;
  for (const pid of pids) kibibytes += Number(/VmRSS:\s+(\d+) kB/.exec(readProcFile(pid, "status"))?.[1] ?? 0);
  return kibibytes * 1024;
}

function readProcFile(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "utf8");
  } catch {
    return "";
  }
}

const quietShare = 0.12;
const windowMs = 40;

/**
 * Resolves when the machine does next to nothing, at the latest after `longestMs`: compactions and log rewrites that one
 * server does behind its last run are not to slow down the next one's.
 */
export async function machineIsQuiet(longestMs: number): Promise<void> {
  for (let waitedMs = 0; waitedMs < longestMs; waitedMs += windowMs) {
    const before = busyMs();
    const beganMs = performance.now();
    await delay(windowMs);
    if (busyMs() - before <= quietShare * (performance.now() - beganMs) * cpus().length) return;
  }
}

function busyMs(): number {
  return cpus().reduce((sum, { times }) => sum + times.user + times.sys + times.nice + times.irq, 0);
}
