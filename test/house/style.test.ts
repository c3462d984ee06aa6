import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { describe, test } from "node:test";
import { listFiles, projectRoot, readProjectFile } from "./source-files.js";
import { styleViolationsOf } from "./style.js";

const topLevel = readdirSync(projectRoot).filter((name) => /\.(md|js|ts)$/.test(name) || name === "package.json");
const files = [...topLevel, ...listFiles(["src", "test", "bench", "proto", ".ci"], [".ts", ".mjs", ".proto", ".md"])];

describe("the style of the sources", () => {
  test("keeps the rules that a machine can check", () => {
    assert.deepEqual(
      files.flatMap((path) => styleViolationsOf(path, readProjectFile(path))),
      [],
    );
  });
});

describe("the style check itself", () => {
  const count = (path: string, text: string): number => styleViolationsOf(path, text).length;

  test("finds each kind of violation", () => {
    assert.equal(count("src/base/someThing.ts", ""), 1);
    assert.equal(count("src/base/utils.ts", ""), 1);
    assert.equal(count("src/base/x.ts", `${"x".repeat(141)}\n`), 1);
    assert.equal(count("src/base/x.ts", "\n".repeat(351)), 1);
    assert.equal(count("src/base/x.ts", `const folder = "/${"work"}/data";\n`), 1);
    assert.equal(count("README.md", `See /${"tmp"}/x\n`), 1);
    assert.equal(count("test/x.ts", `// ${"TO"}${"DO"}: later\n`), 1);
    assert.equal(count("src/base/x.ts", "throw new Error(`x`);\n"), 1);
    assert.equal(count("src/base/x.ts", "export default 1;\n"), 1);
    assert.equal(count("src/base/x.ts", "const x = 1; \n"), 1);
  });

  test("lets good lines pass", () => {
    assert.equal(count("src/base/map-name.ts", "/** Work in progress is measured in tmp files per hour. */\nexport const x = 1;\n"), 0);
    assert.equal(count("test/ring/ring.test.ts", "throw new Error('only tests');\n"), 0);
  });
});
