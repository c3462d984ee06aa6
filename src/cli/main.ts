#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { systemClock } from "../base/clock.js";
import { BigMap } from "../client/bigmap.js";
import { exitCodes } from "./exit-codes.js";
import { run } from "./run.js";
import { OutputClosed, type Terminal } from "./terminal.js";

const interrupt = new AbortController();

/** The first signal ends the work in order, the second at once. */
function onSignal(): void {
  if (interrupt.signal.aborted) process.exit(exitCodes.interrupted);
  interrupt.abort();
}

process.on("SIGINT", onSignal);
process.on("SIGTERM", onSignal);
// Without a listener, a reader that goes away (`| head`) would end the process with a stack trace. The verb that writes
// hears of it from its write; one that only waits is ended here.
process.stdout.on("error", () => interrupt.abort(new OutputClosed()));
process.stderr.on("error", () => undefined);

const terminal: Terminal = {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  clock: systemClock,
  signal: interrupt.signal,
};

const { version } = JSON.parse(readFileSync(new URL("../../../package.json", import.meta.url), "utf8")) as { version: string };

const exitCode = await run(
  process.argv.slice(2),
  terminal,
  ({ endpoint, ...terms }) => BigMap.connect({ endpoints: [endpoint], ...terms }),
  version,
);
process.exitCode = exitCode;
// A call that was interrupted may keep its connection until its timeout.
if (exitCode === exitCodes.interrupted) process.exit();
// An idle stdin (a terminal, a pipe that nobody closes) must not keep the process alive.
process.stdin.unref?.();
process.stdin.destroy();
