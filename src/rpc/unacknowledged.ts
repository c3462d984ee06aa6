import { readFile } from "node:fs/promises";

/** Where Linux lists its connections. Elsewhere nothing tells what was acknowledged. */
const tables = ["/proc/self/net/tcp", "/proc/self/net/tcp6"];
/** Of a row: "unacknowledged:unread" in hexadecimal, and the socket's inode. */
const queuesColumn = 4;
const inodeColumn = 9;

/**
 * By the inode of their socket: bytes of this machine's connections that the system took, and that the other end has not acknowledged.
 * Empty where the system does not tell.
 */
export async function readUnacknowledged(): Promise<ReadonlyMap<number, number>> {
  const texts = await Promise.all(tables.map((path) => readFile(path, "latin1").catch(() => "")));
  return new Map(texts.flatMap((text) => text.split("\n").slice(1).flatMap(parseRow)));
}

function parseRow(row: string): [inode: number, bytes: number][] {
  const columns = row.trim().split(/\s+/);
  const inode = Number(columns[inodeColumn] ?? NaN);
  const bytes = parseInt(columns[queuesColumn] ?? "", 16);
  return Number.isNaN(inode) || Number.isNaN(bytes) ? [] : [[inode, bytes]];
}
