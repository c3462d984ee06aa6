import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

/** How a script makes a fresh clone ready; with words of its own behind it. */
const setup = /^(npm run --silent setup|node \.ci\/setup\.mjs)( && |$)/;

test("every command of package.json that runs what is compiled sets up first", async () => {
  const path = new URL("../../../package.json", import.meta.url);
  const { scripts } = JSON.parse(await readFile(path, "utf8")) as { readonly scripts: Readonly<Record<string, string>> };
  const compiled = Object.keys(scripts).filter((name) => /dist\/|\.ci\/(test|check)\.mjs/.test(scripts[name] ?? ""));
  assert.ok(compiled.includes("bigmap") && compiled.includes("test"));
  const unready = compiled.filter((name) => !setup.test(scripts[name] ?? "") && !setup.test(scripts[`pre${name}`] ?? ""));
  assert.deepEqual(unready, []);
});
