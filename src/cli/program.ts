import { Command, Option } from "commander";
import { exitCodeHelp } from "./exit-codes.js";
import { durationOption, endpoint } from "./quantities.js";
import type { VerbContext } from "./verb-context.js";
import { benchVerb } from "./verbs/bench.js";
import { clearVerb } from "./verbs/clear.js";
import { createVerb } from "./verbs/create.js";
import { deleteVerb } from "./verbs/delete.js";
import { dropVerb } from "./verbs/drop.js";
import { exportVerb } from "./verbs/export.js";
import { getVerb } from "./verbs/get.js";
import { importVerb } from "./verbs/import.js";
import { mapsVerb } from "./verbs/maps.js";
import { putVerb } from "./verbs/put.js";
import { ringVerb } from "./verbs/ring.js";
import { scanVerb } from "./verbs/scan.js";
import { splitVerb } from "./verbs/split.js";
import { startVerb } from "./verbs/start.js";
import { statsVerb } from "./verbs/stats.js";

const groups: readonly (readonly [string, readonly ((context: VerbContext) => Command)[]])[] = [
  ["Server:", [startVerb]],
  ["Entries:", [putVerb, getVerb, deleteVerb, scanVerb]],
  ["Files:", [importVerb, exportVerb]],
  ["Maps:", [mapsVerb, createVerb, clearVerb, dropVerb]],
  ["Operations:", [statsVerb, ringVerb, splitVerb, benchVerb]],
];

/** The command line: every verb, the options they share, and the help. It throws CommanderError instead of exiting. */
export function program(context: VerbContext, version: string): Command {
  const root = new Command("bigmap")
    .description("BigMap: a map that does not fill up. Keys are spread over data canisters that split while traffic runs.")
    .version(version, "--version", "print the version")
    .addOption(new Option("--endpoint <host:port>", "the server").env("BIGMAP_ENDPOINT").argParser(endpoint).default("127.0.0.1:7400"))
    .addOption(durationOption("--timeout <time>", "how long one operation may take", 30))
    .option("--json", "results on stdout and errors on stderr as JSON, one object a line")
    .addHelpText("after", `\n${helpText()}`);
  for (const [group, verbs] of groups) {
    root.commandsGroup(group);
    for (const verb of verbs) root.addCommand(inherited(verb(context), root, context));
  }
  return inherited(root, root, context);
}

/** What commander does not hand down to commands that are made elsewhere. */
function inherited(command: Command, root: Command, context: VerbContext): Command {
  const { stdout, stderr } = context.terminal;
  if (command !== root) command.configureHelp({ showGlobalOptions: true });
  return command.exitOverride().configureOutput({
    writeOut: (text) => void stdout.write(text),
    writeErr: (text) => void stderr.write(text),
    // The message is written with our own form, from the error that commander throws.
    outputError: () => undefined,
    getOutHelpWidth: () => stdout.columns ?? 120,
    getErrHelpWidth: () => stderr.columns ?? 120,
  });
}

function helpText(): string {
  return [
    "Two minutes:",
    "  bigmap start                              in one terminal, then in another",
    `  bigmap put users alice '{"age":3}'`,
    "  bigmap get users alice",
    "  bigmap import users people.ndjson --key id",
    "  bigmap ring users --watch",
    "",
    "Exit codes:",
    ...exitCodeHelp.map(([code, text]) => `  ${code}  ${text}`),
  ].join("\n");
}
