import { Command } from "commander";
import type { VerbContext } from "../verb-context.js";

export function dropVerb(context: VerbContext): Command {
  const command = new Command("drop")
    .summary("delete a map with all its entries")
    .description("Deletes a map with all its entries, in one step. There is no way back and no question asked.")
    .argument("<map>", "name of the map")
    .addHelpText("after", "\nExample:\n  bigmap drop users");
  return command.action(async (map: string) => {
    await context.withClient(command, async (bigmap, { json }) => {
      await bigmap.dropMap(map);
      if (json) await context.printJson({ dropped: map });
    });
  });
}
