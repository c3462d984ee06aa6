import { pino } from "pino";
import type { Logger } from "../base/logger.js";
import type { LogLevel } from "./config.js";

/** Lines of JSON on standard error: standard output belongs to the command. */
export function createLogger(level: LogLevel): Logger {
  return pino({ name: "bigmap", level }, pino.destination({ fd: 2, sync: true }));
}
