import { InvalidArgumentError } from "commander";
import type { Random } from "../../base/random.js";
import type { Distribution } from "./zipfian.js";

/**
 * What a caller can do in one step. `insert` puts a record that was not there; `rmw` reads a record and writes it back;
 * `scan` reads up to 100 entries from the beginning of the ring; the batches read or write 100 entries with one call.
 * What touches several entries counts as so many operations; its latency is that of the whole step.
 */
export const benchKinds = ["get", "has", "put", "delete", "insert", "rmw", "scan", "batch-get", "batch-put"] as const;
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

/** Draws kinds in proportion to their shares; of a mix with one kind without a draw. HOT. */
export function kindChooser(mix: Mix, random: Random): () => BenchKind {
  const kinds = mix.map(({ kind }) => kind);
  const last = kinds[kinds.length - 1] ?? "get";
  if (kinds.length <= 1) return () => last;
  let sum = 0;
  const bounds = mix.map(({ share }) => (sum += share));
  return () => {
    const unit = random.unit();
    for (let i = 0; i < bounds.length; i++) if (unit < (bounds[i] as number)) return kinds[i] as BenchKind;
    return last;
  };
}
