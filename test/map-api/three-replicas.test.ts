import { BigMap } from "../../src/index.js";
import { Cluster } from "../../src/testing/cluster.js";
import { mapApiSuite } from "./suite.js";

mapApiSuite("three replicas, one of them asked, over gRPC", async () => {
  const cluster = await Cluster.start(3);
  const bigmap = await BigMap.connect({ endpoints: cluster.addresses.slice(0, 1) });
  return {
    bigmap,
    async close() {
      await bigmap.close();
      await cluster.stop();
    },
  };
});
