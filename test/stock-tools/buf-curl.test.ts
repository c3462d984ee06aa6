import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { serveFolder } from "./served-folder.js";

const buf = join(dirname(createRequire(import.meta.url).resolve("@bufbuild/buf/package.json")), "bin/buf");
const run = promisify(execFile);

interface Failure {
  readonly stderr: string;
}

describe("buf curl, with nothing but the server's reflection", () => {
  let served: Awaited<ReturnType<typeof serveFolder>>;
  before(async () => {
    served = await serveFolder();
  });
  after(() => served.stop());

  const curl = async (...words: string[]): Promise<string> =>
    (await run(process.execPath, [buf, "curl", "--http2-prior-knowledge", "--protocol", "grpc", ...words])).stdout;
  const call = async (method: string, message: object): Promise<Record<string, unknown>> =>
    JSON.parse(await curl("-d", JSON.stringify(message), `http://${served.address}/bigmap.v1.${method}`)) as Record<string, unknown>;

  test("lists the services", async () => {
    const services = (await curl("--list-services", `http://${served.address}`)).trim().split("\n");
    for (const name of ["MapService", "RouterService", "ReplicaService"]) assert.ok(services.includes(`bigmap.v1.${name}`), name);
  });

  test("puts and gets", async () => {
    const key = Buffer.from("alice").toString("base64");
    const value = Buffer.from('{"age":3}').toString("base64");
    assert.deepEqual(await call("MapService/Put", { map: "users", key, value }), { version: "1" });
    assert.deepEqual(await call("MapService/Get", { map: "users", key }), { found: true, value, version: "1" });
    const { ring } = await call("RouterService/GetRing", { map: "users" });
    assert.equal((ring as { canisterIds: string[] }).canisterIds.length, 4);
  });

  test("reads the error of a map that is not there", async () => {
    const failed = (await call("MapService/Get", { map: "nobody", key: "YQ==" }).catch((error: unknown) => error)) as Failure;
    assert.match(failed.stderr, /not_found/);
    assert.match(failed.stderr, /bigmap\.v1\.ErrorDetail/);
  });
});
