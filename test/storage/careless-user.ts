/** A child process of lifecycle.test: uses an engine the wrong way named by its argument, then ends. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { openRocksEngine } from "../../src/storage/rocksdb-engine.js";
import { smallMemory } from "./rocksdb-fixture.js";
import { batchOf, textOf, wholePage, wholeRange } from "./text-rows.js";

const [, script, folder, way] = process.argv;
if (script?.endsWith("careless-user.js") === true && folder !== undefined && way !== undefined) await misuse(folder, way);

async function misuse(path: string, how: string): Promise<void> {
  const engine = await openRocksEngine(path, smallMemory);
  await engine.write(batchOf({ a: "1" }), "fsync");
  const reader = engine.openReader(wholeRange);
  switch (how) {
    case "never closes":
      return;
    case "exits in the middle":
      for (let i = 0; i < 50; i++) void engine.write(batchOf({ [`k${i}`]: "v" }), "fsync");
      for (let i = 0; i < 50; i++) void textOf(engine, "a");
      void reader.next(wholePage);
      process.exit(0);
      break;
    case "forgets readers":
      for (let i = 0; i < 500; i++) void (await engine.openReader(wholeRange).next(wholePage));
      collectGarbage();
      await engine.close();
      collectGarbage();
      return;
    case "uses what is closed": {
      const page = reader.next(wholePage).catch(() => undefined);
      const closing = engine.close();
      const lateWrites = [engine.write(batchOf({ a: "2" }), "os"), engine.deleteRange(wholeRange)];
      const late = [...lateWrites, engine.getMany([Buffer.from("a")]), reader.next(wholePage)];
      const outcomes = await Promise.allSettled(late);
      if (outcomes.some((outcome) => outcome.status === "fulfilled")) process.exit(3);
      reader.close();
      await Promise.all([page, closing, engine.close()]);
      collectGarbage();
    }
  }
}

function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
}
