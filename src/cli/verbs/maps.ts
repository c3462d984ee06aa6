import { Command } from "commander";
import { formatSizeBytes } from "../../base/bytes.js";
import { writeLine } from "../terminal.js";
import type { VerbContext } from "../verb-context.js";

export function mapsVerb(context: VerbContext): Command {
  const command = new Command("maps")
    .summary("list the maps")
    .description("Lists the maps in the order of their names; with --json one object a line.")
    .addHelpText("after", "\nExamples:\n  bigmap maps\n  bigmap maps --json");
  return command.action(async () => {
    await context.withClient(command, async (bigmap, { json }) => {
      for await (const description of bigmap.listMaps()) {
        if (json) await context.printJson(description);
        else
          await writeLine(
            context.terminal.stdout,
            `${description.map}  (canisters of ${formatSizeBytes(description.settings.canisterCapBytes)})`,
          );
      }
    });
  });
}
