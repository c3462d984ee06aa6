import { emptyBytes } from "../base/bytes.js";
import { BigMapError } from "../base/errors.js";
import { limits } from "../base/limits.js";
import type { MapBackend } from "../base/map-backend.js";
import type { OperationTarget } from "../base/operation-batch.js";
import type { GetResult, ScanRequest, ScanResponse } from "../proto/entry-codec.js";
import { mapMethods } from "../proto/methods.js";
import { PipeServer } from "../rpc/pipe-server.js";
import { implementService, type StreamCallContext, type Service, type ServiceHandlers, type ServicePorts } from "../rpc/service.js";
import { BackgroundGate } from "./background-gate.js";
import { loopBusyShare } from "./loop-load.js";
import { scanPlaces, type Places } from "./places.js";
import { UnaryOperations } from "./unary-operations.js";
import { UnaryReads } from "./unary-reads.js";

/** bigmap.v1.MapService over whatever carries the maps out. */
export function mapService(
  backend: MapBackend,
  ports: ServicePorts,
  reads = new UnaryReads(),
  gate = new BackgroundGate(backend, ports.clock, loopBusyShare()),
): Service {
  const target: OperationTarget = {
    submit: (batch, sessionId, sink) => {
      gate.noteOthers();
      backend.submit(batch, sessionId, sink);
    },
  };
  const pipes = new PipeServer({ target, backgroundTarget: gate, sessions: ports.sessions, clock: ports.clock });
  const places = scanPlaces(ports.clock, limits.scanPagesServedMost);
  // A page that waits for another replica keeps its place meanwhile. Those that replicas ask for wait for no other, and have their own.
  const forwardedPlaces = scanPlaces(ports.clock, limits.scanPagesServedMost);
  const handlers: ServiceHandlers<typeof mapMethods> = {
    ...mapHandlers(backend),
    ...entryHandlers(new UnaryOperations(target), reads),
    scan: (request, context) => {
      gate.noteOthers();
      return scanPages(backend, request.noForward ? forwardedPlaces : places, request, context);
    },
    pipe: (call) => pipes.accept(call),
  };
  return implementService(mapMethods, handlers, ports, () => {
    reads.stop();
    gate.open();
    return pipes.drain();
  });
}

type MapHandlers = Pick<ServiceHandlers<typeof mapMethods>, "createMap" | "listMaps" | "dropMap" | "clear" | "stats">;
type EntryHandlers = Pick<ServiceHandlers<typeof mapMethods>, "get" | "put" | "delete" | "getMany" | "write">;

function mapHandlers(backend: MapBackend): MapHandlers {
  return {
    createMap: ({ map, settings }) => backend.createMap(map, settings),
    listMaps: ({ pageSize, pageToken }) => {
      const most = limits.listPageMaxMaps;
      return backend.listMaps({ pageSize: pageSize === 0 ? most : Math.min(pageSize, most), pageToken });
    },
    dropMap: async ({ map }) => {
      await backend.dropMap(map);
      return {};
    },
    clear: async ({ map }) => ({ deletedEntries: await backend.clear(map) }),
    stats: ({ map }) => backend.stats(map),
  };
}

function entryHandlers(operations: UnaryOperations, reads: UnaryReads): EntryHandlers {
  return {
    get: (request, context) =>
      reads.serve(
        1,
        request.omitValue,
        context,
        () => operations.get(request, context),
        ({ value }) => value.length,
      ),
    put: (request, context) => operations.put(request, context),
    delete: (request, context) => operations.delete(request, context),
    getMany: async (request, context) => {
      const read = (): Promise<readonly GetResult[]> => operations.getMany(request, context);
      return { results: await reads.serve(request.keys.length, request.omitValue, context, read, valueBytes) };
    },
    write: async (request, context) => ({ results: await operations.write(request, context) }),
  };
}

function valueBytes(results: readonly GetResult[]): number {
  return results.reduce((sum, { value }) => sum + value.length, 0);
}

/**
 * Page after page until the limit or the end. The last page of a scan that reached its limit still says where to resume. Each page has a
 * place from before it is read until the gRPC library has taken it, or its reader has proved slow.
 */
async function* scanPages(
  backend: MapBackend,
  places: Places,
  request: ScanRequest,
  context: StreamCallContext,
): AsyncGenerator<ScanResponse, void, undefined> {
  const { map, prefix, keysOnly, noForward } = request;
  if (prefix.length > limits.keyMaxBytes) throw new BigMapError("KEY_TOO_LARGE", "The prefix is longer than any key");
  let left = request.limit === 0 ? Infinity : request.limit;
  let cursor = request.cursor;
  do {
    const maxEntries = Math.min(left, limits.scanPageMaxEntries);
    await places.take(context.signal);
    let give = (): void => places.give();
    try {
      const page = await backend.scanPage({ map, prefix, maxEntries, cursor, keysOnly, noForward }, context.signal);
      left -= page.entries.length;
      cursor = page.cursor;
      give = places.giveLater(() => context.cutOff(new BigMapError("OVERLOADED", "The reader of the scan is slow, and others wait")));
      yield keysOnly ? { cursor: page.cursor, entries: page.entries.map((entry) => ({ ...entry, value: emptyBytes })) } : page;
    } finally {
      give();
    }
  } while (cursor !== undefined && left > 0 && !request.singlePage);
}
