import type { ServiceError } from "@grpc/grpc-js";
import type { Clock } from "../base/clock.js";
import { BigMapError } from "../base/errors.js";
import { limits } from "../base/limits.js";
import type { ScanPage } from "../base/scan-page.js";
import type { ScanRequest } from "../proto/entry-codec.js";
import { mapMethods } from "../proto/methods.js";
import { decodePagesResponse, pagesRequestCodec, type PageRequest } from "../proto/pages-codec.js";
import { remainingMs } from "./deadline.js";
import { cancelled, failureOf, type CallOptions, type GrpcChannel, type PipeStream } from "./grpc-channel.js";

interface AskedPage {
  resolve(page: ScanPage): void;
  reject(error: BigMapError): void;
}

/** Requests are not gathered past this many bytes. */
const requestsTargetBytes = limits.scanRequestsMaxBytes / 4;

/**
 * Pages of scans over one stream of a channel, which opens with the first page, and again after it broke. What is asked in one turn of
 * the loop leaves as one message. HOT.
 */
export class PageClient {
  readonly #channel: GrpcChannel;
  readonly #clock: Clock;
  readonly #asked = new Map<number, AskedPage>();
  readonly #onTurnEnd = (): void => this.#send();
  #stream: PipeStream | undefined;
  #requests: PageRequest[] = [];
  /** What their texts and bytes take, or more. */
  #requestsBytes = 0;
  #lastPageId = 0;

  constructor(channel: GrpcChannel, clock: Clock) {
    this.#channel = channel;
    this.#clock = clock;
  }

  /**
   * One page: keys and values are slices of what was received, where other pages may lie too. Errors: what the server says; UNAVAILABLE
   * where the stream broke; DEADLINE_EXCEEDED; CANCELLED; MAP_NAME_INVALID, KEY_TOO_LARGE or CURSOR_INVALID, and nothing is sent, where
   * the name, the prefix or the cursor are longer than any can be.
   */
  async page(scan: ScanRequest, options: CallOptions): Promise<ScanPage> {
    assertShort(scan);
    if (this.#stream === undefined) await this.#channel.connect(options);
    if (options.signal?.aborted === true) throw cancelled(options.signal);
    return new Promise((resolve, reject) => this.#ask(scan, options, resolve, reject));
  }

  /** Ends the stream. Pages that are under way are lost: UNAVAILABLE. */
  close(): void {
    this.#stream?.cancel();
    this.#lose(this.#stream, new BigMapError("UNAVAILABLE", `The stream of pages from ${this.#channel.address} was ended`));
  }

  #ask(
    scan: ScanRequest,
    { signal, deadlineMs = Infinity }: CallOptions,
    resolve: (page: ScanPage) => void,
    reject: (error: BigMapError) => void,
  ): void {
    const pageId = ++this.#lastPageId;
    const settle = (): void => {
      this.#asked.delete(pageId);
      cancelTimer();
      signal?.removeEventListener("abort", onAbort);
    };
    const giveUp = (error: BigMapError): void => {
      settle();
      this.#request({ pageId, scan: undefined });
      reject(error);
    };
    const onAbort = (): void => giveUp(new BigMapError("CANCELLED", "The caller gave up", { cause: signal?.reason }));
    const onDue = (): void => giveUp(new BigMapError("DEADLINE_EXCEEDED", `${this.#channel.address} did not send a page in time`));
    const cancelTimer = deadlineMs === Infinity ? (): void => undefined : this.#clock.setTimer(remainingMs(this.#clock, deadlineMs), onDue);
    signal?.addEventListener("abort", onAbort, { once: true });
    this.#asked.set(pageId, {
      resolve: (page) => {
        settle();
        resolve(page);
      },
      reject: (error) => {
        settle();
        reject(error);
      },
    });
    this.#request({ pageId, scan });
  }

  #request(request: PageRequest): void {
    const bytes = roughBytes(request);
    if (this.#requestsBytes + bytes > requestsTargetBytes) this.#send();
    this.#requestsBytes += bytes;
    this.#requests.push(request);
    if (this.#requests.length === 1) setImmediate(this.#onTurnEnd);
    else if (this.#requests.length === limits.scanPagesWaitingMost) this.#send();
  }

  #send(): void {
    const requests = this.#requests;
    // Sent before the turn was over.
    if (requests.length === 0) return;
    this.#requests = [];
    this.#requestsBytes = 0;
    this.#stream ??= this.#open();
    this.#stream.write(pagesRequestCodec.encode(requests));
  }

  #open(): PipeStream {
    const stream = this.#channel.openPipe(mapMethods.pages);
    stream.on("data", (frame: Buffer) => this.#onFrame(stream, frame));
    stream.on("error", (error: ServiceError) => this.#lose(stream, failureOf(error)));
    stream.on("end", () => this.#lose(stream, new BigMapError("UNAVAILABLE", `${this.#channel.address} ended the stream of pages`)));
    return stream;
  }

  #onFrame(stream: PipeStream, frame: Buffer): void {
    try {
      for (const { pageId, page } of decodePagesResponse(frame)) {
        // Unknown where it was given up.
        const asked = this.#asked.get(pageId);
        if (page instanceof BigMapError) asked?.reject(page);
        else asked?.resolve(page);
      }
    } catch (error) {
      stream.cancel();
      this.#lose(stream, BigMapError.from(error));
    }
  }

  /** Fails what was asked on this stream. */
  #lose(stream: PipeStream | undefined, error: BigMapError): void {
    if (stream !== this.#stream) return;
    this.#stream = undefined;
    this.#requests = [];
    this.#requestsBytes = 0;
    for (const asked of [...this.#asked.values()]) asked.reject(error);
  }
}

/** It would break the message with which it travels, and the pages of others in it. */
function assertShort({ map, prefix, cursor }: ScanRequest): void {
  if (map.length > limits.mapNameMaxChars) throw new BigMapError("MAP_NAME_INVALID", "The name is longer than that of any map");
  if (prefix.length > limits.keyMaxBytes) throw new BigMapError("KEY_TOO_LARGE", "The prefix is longer than any key");
  if (cursor !== undefined && cursor.length > limits.scanCursorMaxBytes)
    throw new BigMapError("CURSOR_INVALID", "This is not a scan cursor");
}

/** What the request takes in a message, or more. */
function roughBytes({ scan }: PageRequest): number {
  return scan === undefined ? 32 : 64 + 3 * scan.map.length + scan.prefix.length + (scan.cursor?.length ?? 0);
}
