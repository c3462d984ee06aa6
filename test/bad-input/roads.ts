/** How a case of bad input travels, and how the answer's code is found on each road. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { BigMapError } from "../../src/index.js";
import { ErrorDetailSchema, type ErrorDetail } from "../gen/bigmap/v1/error_pb.js";
import type { PipeRequestSchema } from "../gen/bigmap/v1/map_service_pb.js";
import type { ServerUnderTest } from "./server-under-test.js";

export const mainScript = fileURLToPath(new URL("../../src/cli/main.js", import.meta.url));

export type PipeMessage = MessageInitShape<typeof PipeRequestSchema>;

export interface CommandEnd {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The code with which a call failed, or that of the failure among the results that it resolved to. */
export async function codeOfCall(call: Promise<unknown>): Promise<string> {
  try {
    return decisive(failuresIn(await call));
  } catch (error) {
    return codeOf(error);
  }
}

/** Every call must fail, with one and the same code; rejects as the first of them does. */
export async function sameFailure(calls: readonly Promise<unknown>[]): Promise<never> {
  const settled = await Promise.allSettled(calls);
  const reasons = settled.map((result): unknown => (result.status === "rejected" ? result.reason : undefined));
  assert.deepEqual(
    reasons.map(codeOf),
    reasons.map(() => codeOf(reasons[0])),
  );
  throw reasons[0];
}

export async function drain(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const message of stream) void message;
}

/** Sends the messages through a pipe of a stock client; the first code in an answer, or that with which the pipe failed. */
export function codeOfPipe({ maps }: ServerUnderTest, messages: readonly PipeMessage[]): Promise<string> {
  const read = async (): Promise<object> => {
    const results: object[] = [];
    for await (const answer of maps.pipe(inTurn(messages))) results.push(...answer.errors);
    return { results };
  };
  return codeOfCall(read());
}

/** Runs the command as a process. */
export async function command(words: readonly string[], stdin: Uint8Array = new Uint8Array(0)): Promise<CommandEnd> {
  const child = spawn(process.execPath, [mainScript, ...words], {
    stdio: ["pipe", "pipe", "pipe"],
    env: { ...process.env, NO_COLOR: "1" },
  });
  // A command that refuses its arguments does not wait for its input.
  child.stdin.on("error", () => undefined);
  child.stdin.end(stdin);
  const ended = once(child, "close") as Promise<[number | null]>;
  const [stdout, stderr, [exitCode]] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { exitCode, stdout, stderr };
}

/** Of our client's errors the code; of a stock client's that in the detail, and without a detail gRPC's status and message. */
function codeOf(error: unknown): string {
  if (error === undefined) return "no error";
  if (error instanceof BigMapError) return error.code;
  const failure = ConnectError.from(error);
  return failure.findDetails(ErrorDetailSchema)[0]?.code ?? `${Code[failure.code]}: ${failure.rawMessage}`;
}

/** Failures inside of an answer: outcomes of our client, results of a stock one. */
function failuresIn(answer: unknown): readonly { readonly code: string }[] {
  const results = Array.isArray(answer) ? answer : (answer as { readonly results?: readonly object[] } | undefined)?.results;
  return ((results ?? []) as readonly { readonly error?: BigMapError | ErrorDetail }[]).flatMap(({ error }) =>
    error === undefined ? [] : [error],
  );
}

/** Of several failures the one that made the others fail. */
function decisive(errors: readonly { readonly code: string }[]): string {
  return (errors.find(({ code }) => code !== "BATCH_ABORTED") ?? errors[0])?.code ?? "no error";
}

async function* inTurn(messages: readonly PipeMessage[]): AsyncGenerator<PipeMessage> {
  yield* messages;
}
