import { Resvg } from "@resvg/resvg-js";
import * as vega from "vega";
import { compile, type TopLevelSpec } from "vega-lite";
import { fontFamily, fontPaths, textWidth } from "./font.js";

interface TextItem {
  readonly fontSize?: number;
  readonly fontWeight?: string | number;
}

// Vega's types leave out that its measure of text may be set; its own code asks whether somebody did.
const { textMetrics } = vega as unknown as { readonly textMetrics: { width: (item: TextItem, text: string | number | null) => number } };
textMetrics.width = ({ fontSize, fontWeight }, text) =>
  textWidth(
    typeof text === "string" ? text.trim() : String(text ?? ""),
    fontSize ?? 11,
    fontWeight === "bold" || Number(fontWeight) >= 600,
  );

/** The same specification gives the same bytes. */
export async function renderSvg(spec: TopLevelSpec): Promise<string> {
  // Ids of clip paths are counted through a process; from zero they do not depend on what was drawn before.
  vega.resetSVGDefIds();
  const view = new vega.View(vega.parse(compile(spec).spec), { renderer: "none" });
  try {
    return `${await view.toSVG()}\n`;
  } finally {
    view.finalize();
  }
}

/** A PNG of the SVG's own size, with the fonts of the package only. */
export function renderPng(svg: string): Buffer {
  const font = { loadSystemFonts: false, fontFiles: [...fontPaths], defaultFontFamily: fontFamily };
  return new Resvg(svg, { font }).render().asPng();
}
