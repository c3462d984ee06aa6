import { BigMapError } from "../base/errors.js";
import { limits } from "../base/limits.js";
import type { MapBackend, MapPage, MapStatistics } from "../base/map-backend.js";
import type { OperationTarget } from "../base/operation-batch.js";
import { withoutValues, type ScanPage } from "../base/scan-page.js";
import type { GetResult, ScanRequest } from "../proto/entry-codec.js";
import { mapMethods } from "../proto/methods.js";
import { PipeServer } from "../rpc/pipe-server.js";
import { SharedWork } from "../rpc/shared-work.js";
import { implementService, type StreamCallContext, type Service, type ServiceHandlers, type ServicePorts } from "../rpc/service.js";
import { BackgroundGate } from "./background-gate.js";
import { loopBusyShare } from "./loop-load.js";
import { PageServer } from "./page-server.js";
import type { Places } from "./places.js";
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
  const pages = new PageServer(ports.clock, (scan, signal) => {
    gate.noteOthers();
    return readPage(backend, scan, signal);
  });
  const handlers: ServiceHandlers<typeof mapMethods> = {
    ...mapHandlers(backend, reads, new SharedWork(ports.clock)),
    ...entryHandlers(new UnaryOperations(target), reads),
    scan: (request, context) => {
      gate.noteOthers();
      return scanPages(backend, pages.placesOf(request), request, context);
    },
    pages: (call) => pages.accept(call),
    pipe: (call) => pipes.accept(call),
  };
  return implementService(mapMethods, handlers, ports, async () => {
    reads.stop();
    gate.open();
    await Promise.all([pages.drain(), pipes.drain()]);
  });
}

type MapHandlers = Pick<ServiceHandlers<typeof mapMethods>, "createMap" | "listMaps" | "dropMap" | "clear" | "stats">;
type EntryHandlers = Pick<ServiceHandlers<typeof mapMethods>, "get" | "put" | "delete" | "getMany" | "write">;

/** A page of names may be large, and statistics take a look at all canisters. */
function mapHandlers(backend: MapBackend, reads: UnaryReads, statistics: SharedWork<MapStatistics>): MapHandlers {
  return {
    createMap: ({ map, settings }) => backend.createMap(map, settings),
    listMaps: (request, context) => {
      const most = limits.listPageMaxMaps;
      const pageSize = request.pageSize === 0 ? most : Math.min(request.pageSize, most);
      const list = (): Promise<MapPage> => backend.listMaps({ pageSize, pageToken: request.pageToken });
      return reads.serve(pageSize, true, context, list, nameBytes);
    },
    dropMap: async ({ map }) => {
      await backend.dropMap(map);
      return {};
    },
    clear: async ({ map }) => ({ deletedEntries: await backend.clear(map) }),
    stats: ({ map }) => statistics.share(map, () => backend.stats(map)),
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

function nameBytes({ maps }: MapPage): number {
  return maps.reduce((sum, { map }) => sum + map.length, 0);
}

function valueBytes(results: readonly GetResult[]): number {
  return results.reduce((sum, { value }) => sum + value.length, 0);
}

/** One page, of at most as many entries as the scan may still have. */
async function readPage(backend: MapBackend, scan: ScanRequest, signal: AbortSignal): Promise<ScanPage> {
  const { map, prefix, limit, cursor, keysOnly, noForward } = scan;
  if (prefix.length > limits.keyMaxBytes) throw new BigMapError("KEY_TOO_LARGE", "The prefix is longer than any key");
  const maxEntries = limit === 0 ? limits.scanPageMaxEntries : Math.min(limit, limits.scanPageMaxEntries);
  const page = await backend.scanPage({ map, prefix, maxEntries, cursor, keysOnly, noForward }, signal);
  return keysOnly ? withoutValues(page) : page;
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
): AsyncGenerator<ScanPage, void, undefined> {
  let left = request.limit === 0 ? Infinity : request.limit;
  let cursor = request.cursor;
  do {
    await places.take(context.signal);
    let give = (): void => places.give();
    try {
      const page = await readPage(backend, { ...request, limit: left === Infinity ? 0 : left, cursor }, context.signal);
      left -= page.count;
      cursor = page.cursor;
      give = places.giveLater(() => context.cutOff(new BigMapError("OVERLOADED", "The reader of the scan is slow, and others wait")));
      yield page;
    } finally {
      give();
    }
  } while (cursor !== undefined && left > 0 && !request.singlePage);
}
