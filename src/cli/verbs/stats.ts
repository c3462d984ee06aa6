import { Command } from "commander";
import { formatSizeBytes } from "../../base/bytes.js";
import type { CanisterStatus, Topology } from "../../ring/topology.js";
import { canisterJson } from "../drawing/ring-json.js";
import { fillOf, inRingOrder } from "../drawing/ring-rows.js";
import { countText, formatShare } from "../number-text.js";
import type { VerbContext } from "../verb-context.js";

export function statsVerb(context: VerbContext): Command {
  const command = new Command("stats")
    .summary("entries, bytes and canisters of one map or of all")
    .description("Shows entries, bytes and canisters of one map or of all. Bytes are those of keys and values and 32 B for each entry.")
    .argument("[map]", "name of the map; without it all maps")
    .addHelpText("after", "\nExamples:\n  bigmap stats\n  bigmap stats users\n  bigmap stats --json | jq '.maps[].entries'");
  return command.action(async (map: string | undefined) => {
    await context.withClient(command, async (bigmap, { json }) => {
      const topology = await bigmap.topology(map);
      if (json) await context.printJson(topologyJson(topology));
      else await context.printLines(topologyLines(topology, map !== undefined));
    });
  });
}

function topologyJson(topology: Topology): object {
  return {
    replicas: topology.replicas,
    maps: topology.maps.map((description) => {
      const canisters = canistersOf(topology, description.map);
      return { ...description, entries: sum(canisters, "entries"), bytes: sum(canisters, "bytes"), canisters: canisters.map(canisterJson) };
    }),
  };
}

function topologyLines(topology: Topology, withCanisters: boolean): string[] {
  if (topology.maps.length === 0) return ["There are no maps yet; the first entry makes one: bigmap put users alice '{\"age\":3}'"];
  return topology.maps.flatMap(({ map, settings }) => {
    const canisters = canistersOf(topology, map);
    const facts = [
      countText(sum(canisters, "entries"), "entry", "entries"),
      formatSizeBytes(sum(canisters, "bytes")),
      `${countText(canisters.length, "canister")} of ${formatSizeBytes(settings.canisterCapBytes)}`,
    ];
    return [`${map}: ${facts.join(" · ")}`, ...(withCanisters ? canisters.map(canisterLine) : [])];
  });
}

function canisterLine(canister: CanisterStatus): string {
  const facts = [
    canister.state,
    countText(canister.entries, "entry", "entries"),
    formatSizeBytes(canister.bytes),
    `${formatShare(fillOf(canister))} full`,
    countText(canister.sequence, "update"),
    `on ${canister.replicaId}`,
  ];
  return `  #${canister.canisterId}: ${facts.join(" · ")}`;
}

function canistersOf(topology: Topology, map: string): CanisterStatus[] {
  return inRingOrder(topology.canisters.filter((canister) => canister.map === map));
}

function sum(canisters: readonly CanisterStatus[], figure: "entries" | "bytes"): number {
  return canisters.reduce((total, canister) => total + canister[figure], 0);
}
