/** Every bad input on every road where it can be said: the same code everywhere, and nothing harmed. */
import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { after, before, describe, test } from "node:test";
import { systemClock } from "../../src/base/clock.js";
import { run } from "../../src/cli/run.js";
import { BigMap } from "../../src/index.js";
import { Collected } from "../cli/command-line.js";
import type { BadInput } from "./bad-input.js";
import { batchCases, conditionCases, keyAndValueCases } from "./entry-cases.js";
import { canisterCases, mapNameCases, pipeCases, scanCases, settingsCases } from "./map-cases.js";
import { codeOfCall, codeOfPipe, command, type CommandEnd } from "./roads.js";
import { ServerUnderTest } from "./server-under-test.js";

const groups: Readonly<Record<string, readonly BadInput[]>> = {
  "keys and values": keyAndValueCases,
  batches: batchCases,
  "conditions, timeouts and signals": conditionCases,
  "names of maps": mapNameCases,
  settings: settingsCases,
  "scans and listings": scanCases,
  canisters: canisterCases,
  "frames of the pipe": pipeCases,
};

/** Processes that run at the same time; what a bad command must not change, it must not change for its neighbour either. */
const concurrency = 2;
/** Of two splits of one canister at the same time one is rightly told CANISTER_BUSY, whatever else is wrong with it. */
const oneAtATime: ReadonlySet<string> = new Set(["canisters"]);

describe("bad input", () => {
  let server: ServerUnderTest;
  before(async () => {
    server = await ServerUnderTest.start();
  });
  after(() => server.stop());

  for (const [group, cases] of Object.entries(groups)) {
    describe(group, { concurrency: oneAtATime.has(group) ? 1 : concurrency }, () => {
      for (const each of cases) {
        for (const [road, codeOnRoad] of Object.entries(roadsOf(each))) {
          test(`${each.name}, ${road}, is ${each.code}`, async () => {
            assert.equal(await codeOnRoad(server), each.code);
            await server.assertUnharmed();
          });
        }
        if (each.command !== undefined) test(`${each.name}, as a command, is ${each.code}`, () => assertCommand(server, each));
      }
    });
  }
});

function roadsOf({ client, stock, pipe }: BadInput): Readonly<Record<string, (server: ServerUnderTest) => Promise<string>>> {
  return {
    ...(client === undefined ? {} : { "over our client": (server: ServerUnderTest) => codeOfCall(started(() => client(server))) }),
    ...(stock === undefined ? {} : { "over plain gRPC": (server: ServerUnderTest) => codeOfCall(stock(server)) }),
    ...(pipe === undefined ? {} : { "through the pipe": (server: ServerUnderTest) => codeOfPipe(server, pipe(server)) }),
  };
}

/** Some methods throw what is wrong with their arguments before there is a promise. */
async function started(call: () => Promise<unknown>): Promise<unknown> {
  return call();
}

/** For people as a process (in this one where the line is refused before a server is asked), and for programs in this process. */
async function assertCommand(server: ServerUnderTest, each: BadInput): Promise<void> {
  const bad = each.command?.(server);
  assert.ok(bad !== undefined);
  const code = bad.code ?? each.code;
  const words = [...bad.words, "--endpoint", server.address];
  const runOnce = code === "USAGE" ? commandInProcess : command;
  const spoken = await runOnce(words, bad.stdin);
  assert.deepEqual([spoken.exitCode, spoken.stdout], [bad.exitCode, ""], spoken.stderr);
  assert.match(spoken.stderr, new RegExp(`^${code}: [^\\n]+\\n`));
  const written = await commandInProcess([...words, "--json"], bad.stdin);
  assert.deepEqual([written.exitCode, written.stdout], [bad.exitCode, ""], written.stderr);
  const { error } = JSON.parse(written.stderr) as { readonly error: { readonly code: string; readonly message: string } };
  assert.deepEqual([error.code, error.message === ""], [code, false]);
  await server.assertUnharmed();
}

async function commandInProcess(words: readonly string[], stdin: Uint8Array = new Uint8Array(0)): Promise<CommandEnd> {
  const stdout = new Collected();
  const stderr = new Collected();
  const { signal } = new AbortController();
  const terminal = { stdin: Readable.from([Buffer.from(stdin)]), stdout, stderr, env: {}, clock: systemClock, signal };
  const exitCode = await run(words, terminal, ({ endpoint, timeoutMs }) => BigMap.connect({ endpoints: [endpoint], timeoutMs }), "1.2.3");
  return { exitCode, stdout: stdout.bytes.toString(), stderr: stderr.bytes.toString() };
}
