import { Command } from "commander";
import { sizeBytes, wholeNumber } from "../quantities.js";
import type { VerbContext } from "../verb-context.js";

interface CreateOptions {
  readonly canisterCap?: number;
  readonly initialCanisters?: number;
}

export function createVerb(context: VerbContext): Command {
  const command = new Command("create")
    .summary("make a map with its own settings")
    .description("Makes a map with settings of its own. Not needed for a map with the server's defaults: its first entry makes it.")
    .argument("<map>", "1 to 255 characters of A-Z a-z 0-9 . _ -, beginning with a letter or digit")
    .option("--canister-cap <size>", "no data canister of the map ever holds more (64KiB to 4GiB)", sizeBytes)
    .option("--initial-canisters <n>", "how many canisters the map starts with (1 to 4096)", wholeNumber(1))
    .addHelpText("after", "\nExamples:\n  bigmap create users\n  bigmap create events --canister-cap 1GiB --initial-canisters 16");
  return command.action(async (map: string, options: CreateOptions) => {
    await context.withClient(command, async (bigmap, { json }) => {
      const description = await bigmap.createMap(map, {
        ...(options.canisterCap === undefined ? {} : { canisterCapBytes: options.canisterCap }),
        ...(options.initialCanisters === undefined ? {} : { initialCanisters: options.initialCanisters }),
      });
      if (json) await context.printJson(description);
    });
  });
}
