import { Command } from "commander";
import { formatToken, type Token } from "../../ring/token.js";
import { token, wholeNumber } from "../quantities.js";
import type { VerbContext } from "../verb-context.js";

export function splitVerb(context: VerbContext): Command {
  const command = new Command("split")
    .summary("split a data canister in two")
    .description("Splits a data canister in two and ends when the new ring is in force. Canisters near their cap split by themselves.")
    .argument("<canister-id>", "the canister's number, as `bigmap ring` shows it", (text) => wholeNumber(1)(text.replace(/^#/, "")))
    .option("--at <token>", "first token of the right half, 16 hexadecimal digits; without it the bytes are halved", token)
    .addHelpText("after", "\nExamples:\n  bigmap split 3\n  bigmap split 3 --at 6000000000000000");
  return command.action(async (canisterId: number, options: { readonly at?: Token }) => {
    await context.withClient(command, async (bigmap, { json }) => {
      const split = await bigmap.splitCanister(canisterId, options.at === undefined ? {} : { cut: options.at });
      const cut = formatToken(split.cut);
      if (json) await context.printJson({ leftId: split.leftId, rightId: split.rightId, cut, ringVersion: split.ringVersion });
      else await context.printLines([`#${split.leftId} and #${split.rightId}, cut at ${cut}; ring version ${split.ringVersion}`]);
    });
  });
}
