import { Command } from "commander";
import { bytes } from "../../client/codec.js";
import { countText } from "../number-text.js";
import type { VerbContext } from "../verb-context.js";

export function clearVerb(context: VerbContext): Command {
  const command = new Command("clear")
    .summary("delete every entry of a map")
    .description("Deletes every entry that is there when the command begins; the map and its settings stay.")
    .argument("<map>", "name of the map")
    .addHelpText("after", "\nExample:\n  bigmap clear users");
  return command.action(async (map: string) => {
    await context.withClient(command, async (bigmap, { json }) => {
      const deletedEntries = await bigmap.map(map, { key: bytes, value: bytes }).clear();
      if (json) await context.printJson({ deletedEntries });
      else await context.printLines([`${countText(deletedEntries, "entry", "entries")} deleted`]);
    });
  });
}
