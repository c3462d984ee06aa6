import { Command } from "commander";
import type { BigMap } from "../../client/bigmap.js";
import { ansiPaint, plainPaint } from "../drawing/paint.js";
import { drawRing, type RingView } from "../drawing/ring-drawing.js";
import { ringJson } from "../drawing/ring-json.js";
import { RingScreen } from "../drawing/ring-screen.js";
import { wholeNumber } from "../quantities.js";
import { readRingView, watchRingViews } from "../ring-views.js";
import { wantsColor } from "../terminal.js";
import type { VerbContext } from "../verb-context.js";

interface RingOptions {
  readonly watch?: boolean;
  readonly rows?: number;
}

/** Without a terminal there is room for a long table. */
const rowsWithoutTerminal = 64;
/** Headline, picture, heading and prompt. */
const rowsAroundTable = 5;

export function ringVerb(context: VerbContext): Command {
  const command = new Command("ring")
    .summary("draw the ring of a map")
    .description(
      "Draws the ring of a map: one row for each hash range with its canister and how full that is against the cap. With more\n" +
        "canisters than rows, neighbours share a row, which shows the fullest of them.",
    )
    .argument("<map>", "name of the map")
    .option("--watch", "draw again whenever it changes, until Ctrl-C; with --json one object a line")
    .option("--rows <n>", "rows of the table at most; by default as many as fit the terminal", wholeNumber(1))
    .addHelpText(
      "after",
      "\nExamples:\n  bigmap ring users\n  bigmap ring users --watch\n  bigmap ring users --json | jq '.canisters[].fill'",
    );
  return command.action(async (map: string, options: RingOptions) => {
    await context.withClientInOrder(command, async (bigmap, { json }) => {
      if (options.watch === true) await watch(context, bigmap, map, options, json);
      else {
        const view = await readRingView(bigmap, map);
        if (json) await context.printJson(ringJson(view));
        else await context.printLines(draw(context, view, options));
      }
    });
  });
}

async function watch(context: VerbContext, bigmap: BigMap, map: string, options: RingOptions, json: boolean): Promise<void> {
  const screen = new RingScreen(context.terminal.stdout);
  for await (const view of watchRingViews(bigmap, map, context.terminal)) {
    if (json) await context.printJson(ringJson(view));
    else await screen.show(draw(context, view, options));
  }
}

function draw(context: VerbContext, view: RingView, options: RingOptions): string[] {
  const { stdout } = context.terminal;
  return drawRing(view, {
    width: stdout.columns ?? 120,
    maxRows: options.rows ?? Math.max(4, stdout.rows === undefined ? rowsWithoutTerminal : stdout.rows - rowsAroundTable),
    paint: wantsColor(context.terminal) ? ansiPaint : plainPaint,
  });
}
