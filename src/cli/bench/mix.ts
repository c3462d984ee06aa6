import { InvalidArgumentError } from "commander";
import type { Random } from "../../base/random.js";
import type { Distribution } from "./zipfian.js";

/**
 * What a caller can do in one step. `insert` puts a record that was not there; `rmw` reads a record and writes it back;
 * `scan` reads up to 100 entries from the beginning of the ring.
 */
export const benchKinds = ["get", "has", "put", "delete", "insert", "rmw", "scan"] as const;
export type BenchKind = (typeof benchKinds)[number];

/** Kinds and their shares, which sum to 1. */
export type Mix = readonly { readonly kind: BenchKind; readonly share: number }[];

/** The YCSB core workloads; E needs scans in key order, which a hashed map does not have. */
export const ycsbWorkloads = {
  a: { mix: "get=0.5,put=0.5", distribution: "zipfian", says: "update heavy" },
  b: { mix: "get=0.95,put=0.05", distribution: "zipfian", says: "read mostly" },
  c: { mix: "get=1", distribution: "zipfian", says: "read only" },
  d: { mix: "get=0.95,insert=0.05", distribution: "latest", says: "read what is newest" },
  f: { mix: "get=0.5,rmw=0.5", distribution: "zipfian", says: "read, modify, write" },
} as const satisfies Record<string, { mix: string; distribution: Distribution; says: string }>;

export type YcsbWorkload = keyof typeof ycsbWorkloads;

/** Parses "get=0.95,put=0.05"; shares need not sum to 1. Throws InvalidArgumentError. */
export function parseMix(text: string): Mix {
  const shares = new Map<BenchKind, number>();
  for (const part of text.split(",")) {
    const [name = "", number = "1"] = part.trim().split("=");
    const kind = benchKinds.find((each) => each === name);
    const share = Number(number);
    if (kind === undefined) throw new InvalidArgumentError(`"${name}" is no operation; there are ${benchKinds.join(", ")}.`);
    if (number.trim() === "" || !Number.isFinite(share) || share < 0)
      throw new InvalidArgumentError(`"${part}" has no share; write ${name}=0.5.`);
    if (shares.has(kind)) throw new InvalidArgumentError(`"${name}" is there twice.`);
    shares.set(kind, share);
  }
  const sum = [...shares.values()].reduce((total, share) => total + share, 0);
  if (sum === 0) throw new InvalidArgumentError("All shares are 0.");
  return [...shares].filter(([, share]) => share > 0).map(([kind, share]) => ({ kind, share: share / sum }));
}

export function formatMix(mix: Mix): string {
  return mix.map(({ kind, share }) => `${kind}=${Number(share.toFixed(4))}`).join(",");
}

/** Draws kinds in proportion to their shares. */
export function kindChooser(mix: Mix, random: Random): () => BenchKind {
  const last = mix[mix.length - 1]?.kind ?? "get";
  return () => {
    let unit = random.unit();
    for (const { kind, share } of mix) {
      if (unit < share) return kind;
      unit -= share;
    }
    return last;
  };
}
