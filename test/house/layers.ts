import { importsOf, type ImportOfFile } from "./source-files.js";

/**
 * The house: a folder of src/ imports from folders with a lower number only. Storage stands above ring, because a canister's
 * entries are a range of stored keys: the key layout speaks of tokens and hash ranges.
 */
export const layerOf: Readonly<Record<string, number>> = {
  base: 0,
  ring: 1,
  storage: 2,
  proto: 3,
  meta: 3,
  canister: 3,
  rpc: 4,
  replication: 4,
  etcd: 5,
  replica: 5,
  router: 5,
  client: 5,
  server: 6,
  cli: 7,
  testing: 7,
};

const clientMayImport: ReadonlySet<string> = new Set(["base", "ring", "proto", "rpc", "client"]);
const nativeModule = "@nxtedition/rocksdb";

/** `src/ring/ring.ts` -> `ring`; `src/index.ts` -> ``. */
export function folderOf(path: string): string {
  const parts = path.split("/");
  return parts.length > 2 ? (parts[1] ?? "") : "";
}

/** What is wrong with the imports of one file; empty where nothing is. */
export function violationsOf(path: string, text: string): string[] {
  return importsOf(path, text).flatMap((imported) => {
    const reason = reasonAgainst(path, imported);
    return reason === undefined ? [] : [`${path} imports ${imported.target}: ${reason}`];
  });
}

function reasonAgainst(path: string, imported: ImportOfFile): string | undefined {
  const from = folderOf(path);
  if (!imported.isOurs) {
    return imported.target === nativeModule && from !== "storage" ? "only storage may load the native module" : undefined;
  }
  if (!imported.target.startsWith("src/")) return "it lies outside src/";
  const to = folderOf(imported.target);
  if (imported.target.startsWith("src/proto/gen/") && from !== "proto") return "only proto sees generated code";
  // src/index.ts stands above all folders.
  if (from === "" || from === to) return undefined;
  if (to === "") return "no folder imports the public door";
  if (from === "client" && !clientMayImport.has(to)) return "the client imports base, ring, proto and rpc only";
  return layerReason(from, to);
}

function layerReason(from: string, to: string): string | undefined {
  const fromLayer = layerOf[from];
  const toLayer = layerOf[to];
  if (fromLayer === undefined || toLayer === undefined) return `${fromLayer === undefined ? from : to} is not a folder of the house`;
  return toLayer < fromLayer ? undefined : `${from} (${fromLayer}) may not import ${to} (${toLayer})`;
}

/** Files and packages that are loaded when `entry` is. `read` gives the text of a file, undefined where there is none. */
export function loadedBy(entry: string, read: (path: string) => string | undefined): Set<string> {
  const loaded = new Set<string>();
  const waiting = [entry];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (loaded.has(path)) continue;
    loaded.add(path);
    const text = read(path);
    if (text === undefined) continue;
    for (const imported of importsOf(path, text)) {
      if (imported.isTypeOnly) continue;
      if (imported.isOurs) waiting.push(imported.target);
      else loaded.add(imported.target);
    }
  }
  return loaded;
}
