import type { Clock } from "../base/clock.js";
import type { Logger } from "../base/logger.js";
import type { Random } from "../base/random.js";
import { BigMapError } from "../base/errors.js";
import type { Connection } from "./connection.js";
export function connectGrpc(_o: { endpoints: readonly string[]; timeoutMs: number; signal: AbortSignal | undefined; clock: Clock; random: Random; logger: Logger }): Promise<Connection> {
  throw new BigMapError("UNIMPLEMENTED", "x");
}
