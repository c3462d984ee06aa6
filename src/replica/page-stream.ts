import { Metadata } from "@grpc/grpc-js";
import { giveBytes } from "../base/byte-pool.js";
import { BigMapError } from "../base/errors.js";
import { limits } from "../base/limits.js";
import type { ScanPage } from "../base/scan-page.js";
import type { ScanRequest } from "../proto/entry-codec.js";
import { encodePagesResponse, hasMoreRequests, pagesRequestCodec, type PageAnswer } from "../proto/pages-codec.js";
import { toGrpcStatus } from "../rpc/grpc-status.js";
import { resetStream } from "../rpc/call-stream.js";
import type { PipeCall } from "../rpc/service.js";
import type { Flow, StallWatch } from "../rpc/stall-watch.js";
import type { Places } from "./places.js";

export interface PageStreamPorts {
  /** Of all streams of pages of the server. */
  readonly stalls: StallWatch;
  /** Of this stream: a page waits for one of these first, and has it for as long as its other place or until it is taken. */
  readonly ownPlaces: Places;
  /** Where a page of this request waits for its turn. */
  readonly placesOf: (scan: ScanRequest) => Places;
  /** Reads it, once it has a place. */
  readonly read: (scan: ScanRequest, signal: AbortSignal) => Promise<ScanPage>;
  /** Called once, when the stream has ended in whatever way. */
  readonly onEnd: () => void;
}

/** A page that was read and is not sent, and what its place waits for. */
interface ReadPage extends PageAnswer {
  readonly taken: () => void;
}

/** Answers are not gathered past this many bytes. */
const gatheredTargetBytes = 256 * 1024;

/** So many messages may be with the gRPC library before the next request is read. */
const unsentMessagesMost = 64;

const nothing = (): void => undefined;

/**
 * The server's end of a client's stream of pages. Each page has one of the stream's own places from before it is read until the gRPC
 * library has taken it, and one among those of all clients until then or until its reader has proved slow. What is read in one turn of
 * the loop goes out as one message. HOT.
 */
export class PageStream implements Flow {
  readonly #call: PipeCall;
  readonly #ports: PageStreamPorts;
  readonly #onTurnEnd = (): void => this.#sendGathered();
  /** Pages that were asked and are not read, by their ids. */
  readonly #asked = new Map<number, AbortController>();
  /** Of pages that the gRPC library has not taken. */
  readonly #untaken = new Set<() => void>();
  #lastPageId = 0;
  #gathered: ReadPage[] = [];
  #gatheredBytes = 0;
  #unsentMessages = 0;
  /** A message was taken since the last look. */
  #tookSome = false;
  /** The client asks for no more. */
  #isLast = false;
  #ended = false;
  #isLetGo = false;

  constructor(call: PipeCall, ports: PageStreamPorts) {
    this.#call = call;
    this.#ports = ports;
    call.on("data", (frame: Buffer) => this.#onFrame(frame));
    call.on("end", () => {
      this.#isLast = true;
      this.#endIfAnswered();
    });
    const gone = new BigMapError("CANCELLED", "The caller gave up");
    call.on("error", () => this.#end(gone));
    // Comes in any case, once all was sent or nothing more can be.
    call.on("cancelled", () => {
      this.#end(gone);
      this.#letGo();
    });
    call.sendMetadata(new Metadata());
  }

  /**
   * Ends the call with this error, and every page that is not written. What is written leaves before the error, and until then has its
   * places, and is watched.
   */
  fail(error: BigMapError): void {
    if (this.#ended) return;
    this.#end(error);
    // What still comes is read and thrown away, so that the client's end of the stream is noticed.
    this.#call.resume();
    this.#call.emit("error", toGrpcStatus(error));
  }

  tookSome(): boolean {
    const tookSome = this.#tookSome;
    this.#tookSome = false;
    return tookSome;
  }

  /** The reader stands in the way of others. */
  cutOff(): void {
    this.#end(new BigMapError("OVERLOADED", "The reader of the scan is slow, and others wait"));
    resetStream(this.#call);
    this.#letGo();
  }

  #onFrame(frame: Buffer): void {
    if (this.#ended) return;
    try {
      assertFewRequests(frame);
      const requests = pagesRequestCodec.decode(frame);
      for (const { pageId, scan } of requests) {
        if (scan === undefined) this.#asked.get(pageId)?.abort(new BigMapError("CANCELLED", "The caller gave up"));
        else this.#begin(pageId, scan);
      }
    } catch (error) {
      this.fail(BigMapError.from(error));
    }
  }

  #begin(pageId: number, scan: ScanRequest): void {
    if (pageId <= this.#lastPageId) throw new BigMapError("FRAME_INVALID", `Page ${pageId} follows page ${this.#lastPageId}`);
    this.#lastPageId = pageId;
    const controller = new AbortController();
    this.#asked.set(pageId, controller);
    void this.#serve(pageId, scan, controller.signal);
  }

  async #serve(pageId: number, scan: ScanRequest, signal: AbortSignal): Promise<void> {
    try {
      this.#gather(await this.#read(pageId, scan, signal));
    } catch (error) {
      if (!this.#ended) this.#gather({ pageId, page: BigMapError.from(error), taken: nothing });
    } finally {
      this.#asked.delete(pageId);
      this.#endIfAnswered();
    }
  }

  /** A slow reader has few pages in service, however many it asks for: the others wait here, and not among those of other clients. */
  async #read(pageId: number, scan: ScanRequest, signal: AbortSignal): Promise<ReadPage> {
    const { ownPlaces } = this.#ports;
    await ownPlaces.take(signal);
    try {
      return await this.#readAmongAll(pageId, scan, signal);
    } catch (error) {
      ownPlaces.give();
      throw error;
    }
  }

  async #readAmongAll(pageId: number, scan: ScanRequest, signal: AbortSignal): Promise<ReadPage> {
    const places = this.#ports.placesOf(scan);
    await places.take(signal);
    try {
      const page = await this.#ports.read(scan, signal);
      signal.throwIfAborted();
      return { pageId, page, taken: this.#takenLater(places) };
    } catch (error) {
      places.give();
      throw error;
    }
  }

  /** Gives both places back when the page was taken or is let go of; that among all also when the reader has proved slow. */
  #takenLater(places: Places): () => void {
    const give = places.giveLater(() => this.cutOff());
    const taken = (): void => {
      if (!this.#untaken.delete(taken)) return;
      give();
      this.#ports.ownPlaces.give();
    };
    this.#untaken.add(taken);
    return taken;
  }

  #gather(page: ReadPage): void {
    if (this.#ended) {
      page.taken();
      return;
    }
    this.#gathered.push(page);
    if (page.page instanceof BigMapError) this.#gatheredBytes += 512;
    else this.#gatheredBytes += page.page.keys.length + page.page.values.length;
    if (this.#gatheredBytes >= gatheredTargetBytes) this.#sendGathered();
    else if (this.#gathered.length === 1) setImmediate(this.#onTurnEnd);
  }

  #sendGathered(): void {
    const pages = this.#gathered;
    this.#gathered = [];
    this.#gatheredBytes = 0;
    // Nobody is there, or it was sent before the turn was over.
    if (pages.length === 0 || this.#ended) return;
    const frame = encodePagesResponse(pages);
    for (const { page } of pages) giveBack(page);
    if (this.#unsentMessages++ === 0) this.#ports.stalls.add(this);
    if (this.#unsentMessages === unsentMessagesMost) this.#call.pause();
    this.#call.write(frame, () => this.#onTaken(frame, pages));
    this.#endIfAnswered();
  }

  #onTaken(frame: Buffer, pages: readonly ReadPage[]): void {
    if (this.#isLetGo) return;
    // grpc-js has put it into a buffer of its own.
    giveBytes(frame);
    this.#tookSome = true;
    if (this.#unsentMessages === unsentMessagesMost && !this.#ended) this.#call.resume();
    if (--this.#unsentMessages === 0) this.#ports.stalls.remove(this);
    for (const { taken } of pages) taken();
  }

  #endIfAnswered(): void {
    if (!this.#isLast || this.#ended || this.#asked.size > 0 || this.#gathered.length > 0) return;
    this.#isLast = false;
    this.#call.end();
  }

  /** Answers no further page. */
  #end(error: BigMapError): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const controller of this.#asked.values()) controller.abort(error);
    for (const { taken } of this.#gathered) taken();
    this.#gathered = [];
    this.#ports.onEnd();
  }

  /** Nothing of what was written is kept any more. */
  #letGo(): void {
    if (this.#isLetGo) return;
    this.#isLetGo = true;
    this.#ports.stalls.remove(this);
    for (const taken of this.#untaken) taken();
  }
}

/** Before they are decoded, which takes long where they are many. */
function assertFewRequests(frame: Buffer): void {
  if (frame.length > limits.scanRequestsMaxBytes) {
    throw new BigMapError("BATCH_TOO_LARGE", `A message that asks for pages has at most ${limits.scanRequestsMaxBytes} bytes`);
  }
  if (hasMoreRequests(frame, limits.scanPagesWaitingMost)) {
    throw new BigMapError("BATCH_TOO_LARGE", `A message asks for at most ${limits.scanPagesWaitingMost} pages`);
  }
}

/** The memory of a page that is encoded. */
function giveBack(page: ScanPage | BigMapError): void {
  if (page instanceof BigMapError) return;
  giveBytes(page.keys);
  giveBytes(page.values);
}
