import { storageEngineConformance } from "./conformance.js";
import { rocksFixture } from "./rocksdb-fixture.js";

storageEngineConformance("RocksEngine", rocksFixture);
