import { BigMap } from "../../src/index.js";
import { MemoryConnection } from "./memory-connection.js";
import { mapApiSuite } from "./suite.js";

mapApiSuite("on a plain Map", () => {
  const bigmap = new BigMap(new MemoryConnection());
  return Promise.resolve({ bigmap, close: () => bigmap.close() });
});
