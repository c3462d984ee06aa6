import assert from "node:assert/strict";
import { test } from "node:test";
import * as grpc from "@grpc/grpc-js";
import { systemClock } from "../../src/base/clock.js";
import { BigMapError } from "../../src/base/errors.js";
import { silentLogger } from "../../src/base/logger.js";
import { mapMethods } from "../../src/proto/methods.js";
import { mapService } from "../../src/replica/map-service.js";
import { GrpcServer } from "../../src/rpc/grpc-server.js";
import { fromGrpcStatus } from "../../src/rpc/grpc-status.js";
import { SessionCounter } from "../../src/rpc/session-counter.js";
import { FakeBackend } from "./fake-backend.js";

const compressions = { deflate: grpc.compressionAlgorithms.deflate, gzip: grpc.compressionAlgorithms.gzip };

for (const [encoding, algorithm] of Object.entries(compressions)) {
  test(`a call whose messages are compressed by ${encoding} is refused before it is carried out`, async () => {
    const backend = new FakeBackend();
    const service = mapService(backend, { clock: systemClock, sessions: new SessionCounter(), logger: silentLogger });
    const options = { listenAddress: "127.0.0.1:0", services: [service], clock: systemClock, logger: silentLogger };
    const server = await GrpcServer.listen(options);
    const client = new grpc.Client(server.address, grpc.credentials.createInsecure(), {
      "grpc.default_compression_algorithm": algorithm,
    });
    const { path, request } = mapMethods.put;
    const message = { map: "m", key: Buffer.from("k"), value: Buffer.alloc(100_000), condition: undefined };
    const failure = await new Promise<grpc.ServiceError | null>((resolve) => {
      const serialize = (value: typeof message): Buffer => Buffer.from(request.encode(value));
      client.makeUnaryRequest(
        path,
        serialize,
        (bytes) => bytes,
        message,
        (error) => resolve(error),
      );
    });
    client.close();
    await server.stop(1_000);
    assert.ok(failure !== null);
    assert.equal(failure.code, grpc.status.UNIMPLEMENTED);
    assert.deepEqual(failure.metadata.get("grpc-accept-encoding"), ["identity"]);
    const error = fromGrpcStatus(failure);
    assert.ok(error instanceof BigMapError);
    assert.match(`${error.code}: ${error.message} ${error.hint}`, new RegExp(`UNIMPLEMENTED: .*${encoding}.* compression of requests off`));
    assert.deepEqual(backend.submissions, []);
  });
}
