import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { folderOf, layerOf, loadedBy, violationsOf } from "./layers.js";
import { listFiles, projectRoot, readProjectFile } from "./source-files.js";

const sources = listFiles(["src"], [".ts"]);

describe("the layers of src/", () => {
  test("a folder imports from lower folders only", () => {
    assert.ok(sources.length > 0);
    assert.deepEqual(
      sources.flatMap((path) => violationsOf(path, readProjectFile(path))),
      [],
    );
  });

  test("every folder of src/ has its place in the house", () => {
    const strangers = sources.map(folderOf).filter((folder) => folder !== "" && layerOf[folder] === undefined);
    assert.deepEqual([...new Set(strangers)], []);
  });

  test("the public door never loads the native module or a server folder", () => {
    const read = (path: string): string | undefined => (existsSync(join(projectRoot, path)) ? readProjectFile(path) : undefined);
    const loaded = [...loadedBy("src/index.ts", read)];
    const serverFolder = /^src\/(storage|meta|canister|replica|router|server)\//;
    const forbidden = loaded.filter((target) => target === "@nxtedition/rocksdb" || serverFolder.test(target));
    assert.deepEqual(forbidden, []);
  });
});

describe("the layer check itself", () => {
  const reasons = (path: string, text: string): number => violationsOf(path, text).length;

  test("finds imports upwards, sideways and around the rules", () => {
    assert.equal(reasons("src/base/x.ts", `import { ring } from "../ring/ring.js";`), 1);
    assert.equal(reasons("src/ring/x.ts", `import type { A } from "../client/a.js";`), 1);
    assert.equal(reasons("src/meta/x.ts", `import type { A } from "../canister/a.js";`), 1);
    assert.equal(reasons("src/client/x.ts", `export * from "../meta/records.js";`), 1);
    assert.equal(reasons("src/rpc/x.ts", `const gen = await import("../proto/gen/bigmap.js");`), 1);
    assert.equal(reasons("src/replica/x.ts", `import rocksdb from "@nxtedition/rocksdb";`), 1);
    assert.equal(reasons("src/replica/x.ts", `type E = import("../router/x.js").E;`), 1);
    assert.equal(reasons("src/server/x.ts", `import { a } from "../index.js";`), 1);
    assert.equal(reasons("src/server/x.ts", `import { a } from "../../test/a.js";`), 1);
  });

  test("lets imports downwards pass", () => {
    assert.equal(reasons("src/ring/x.ts", `import { limits } from "../base/limits.js";`), 0);
    assert.equal(reasons("src/storage/x.ts", `import rocksdb from "@nxtedition/rocksdb";`), 0);
    assert.equal(reasons("src/proto/x.ts", `import { bigmap } from "./gen/bigmap.js";`), 0);
    assert.equal(reasons("src/index.ts", `export { BigMap } from "./client/bigmap.js";`), 0);
  });

  test("follows what is loaded, not what is only a type", () => {
    const files: Record<string, string> = {
      "src/index.ts": `export { a } from "./a.js"; import type { B } from "./b.js"; export type { C } from "./c.js";`,
      "src/a.ts": `import "native"; const later = () => import("./late.js");`,
    };
    assert.deepEqual([...loadedBy("src/index.ts", (path) => files[path])].sort(), ["native", "src/a.ts", "src/index.ts", "src/late.ts"]);
  });
});
