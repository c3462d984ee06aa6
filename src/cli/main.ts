#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { Socket } from "node:net";
import { systemClock } from "../base/clock.js";
import { BigMap } from "../client/bigmap.js";
import { exitCodes } from "./exit-codes.js";
import { FileOutput } from "./file-output.js";
import { run } from "./run.js";
import { outputError, type Terminal } from "./terminal.js";

const interrupt = new AbortController();

/** The first signal ends the work in order, the second at once. */
function onSignal(): void {
  if (interrupt.signal.aborted) process.exit(exitCodes.interrupted);
  interrupt.abort();
}

process.on("SIGINT", onSignal);
process.on("SIGTERM", onSignal);
const stdout = process.stdout instanceof Socket ? process.stdout : FileOutput.of(1);
// Without a listener, a reader that goes away (`| head`) or a full disk would end the process with a stack trace. The verb that writes
// hears of it from its write; one that only waits is ended here.
stdout.on("error", (error: Error) => interrupt.abort(outputError(error)));
process.stderr.on("error", () => undefined);

const terminal: Terminal = {
  stdin: process.stdin,
  stdout,
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
