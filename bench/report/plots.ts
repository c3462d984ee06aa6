import { latencyPlots, throughputPlots } from "./curve-plots.js";
import { growthPlots } from "./growth-plots.js";
import type { Plot } from "./plot-style.js";
import { renderPng, renderSvg } from "./render.js";
import type { AllResults } from "./results.js";
import { ycsbPlots } from "./ycsb-plot.js";

/** A plot as its files are. */
export interface DrawnPlot {
  readonly name: string;
  readonly svg: string;
  readonly png: () => Buffer;
}

/** Every plot that the results have figures for. */
export function plotsOf({ peers, growth }: AllResults): Plot[] {
  const ofPeers = peers === undefined ? [] : [...throughputPlots(peers), ...latencyPlots(peers), ...ycsbPlots(peers)];
  return [...ofPeers, ...(growth === undefined ? [] : growthPlots(growth))];
}

export async function drawPlots(results: AllResults): Promise<DrawnPlot[]> {
  const drawn: DrawnPlot[] = [];
  for (const { name, spec } of plotsOf(results)) {
    const svg = await renderSvg(spec);
    drawn.push({ name, svg, png: () => renderPng(svg) });
  }
  return drawn;
}
