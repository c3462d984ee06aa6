import { BigMap } from "../../src/index.js";
import { serve } from "../client/memory-server.js";
import { MemoryConnection } from "./memory-connection.js";
import { mapApiSuite } from "./suite.js";

mapApiSuite("on a plain Map, over gRPC", async () => {
  const server = await serve(new MemoryConnection());
  const bigmap = await BigMap.connect({ endpoints: [server.address] });
  return {
    bigmap,
    async close() {
      await bigmap.close();
      await server.stop(1_000);
    },
  };
});
