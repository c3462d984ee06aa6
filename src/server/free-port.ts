import { createServer } from "node:net";
import { BigMapError } from "../base/errors.js";

/**
 * Says early that another process listens there, before a data folder is made or opened. In between another process may still come
 * first: who listens then says the same. Errors: LISTEN_FAILED.
 */
export async function assertPortIsFree(listenAddress: string): Promise<void> {
  const colon = listenAddress.lastIndexOf(":");
  const host = listenAddress.slice(0, colon).replace(/^\[(.*)\]$/, "$1");
  const port = Number(listenAddress.slice(colon + 1));
  // Of an address that is none, who listens says what is wrong with it.
  if (colon < 0 || !Number.isInteger(port) || port < 1 || port > 65_535) return;
  const probe = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      probe.once("error", reject);
      probe.listen({ host, port, exclusive: true }, resolve);
    });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new BigMapError("LISTEN_FAILED", `Cannot listen on ${listenAddress}: ${reason}`, { cause });
  }
  await new Promise((resolve) => probe.close(resolve));
}
