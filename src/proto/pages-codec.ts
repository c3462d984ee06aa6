import { emptyBytes } from "../base/bytes.js";
import { BigMapError } from "../base/errors.js";
import type { ScanPage } from "../base/scan-page.js";
import { scanRequestFromWire, scanRequestToWire, type ScanRequest } from "./entry-codec.js";
import { decodeErrorDetail, encodeErrorDetail } from "./error-codec.js";
import { FrameReader, frameInvalid, wireType } from "./frame-reader.js";
import { FrameWriter, fieldBytes, numberFieldBytes, varintBytes } from "./frame-writer.js";
import { bigmap } from "./gen/bigmap.js";
import { fromOptionalLong, messageCodec, toLong } from "./message-codec.js";
import { PackedColumn, readOffsets, readVersions } from "./packed-column.js";
import v1 = bigmap.v1;

export interface PageRequest {
  readonly pageId: number;
  /** Undefined: the page is given up. */
  readonly scan: ScanRequest | undefined;
}

export interface PageAnswer {
  readonly pageId: number;
  readonly page: ScanPage | BigMapError;
}

/** bigmap.v1.PagesRequest <-> requests of pages. */
export const pagesRequestCodec = messageCodec(
  v1.PagesRequest,
  (requests: readonly PageRequest[]) => ({ pages: requests.map(requestToWire) }),
  (wire): readonly PageRequest[] => wire.pages.map(requestFromWire),
);

/** Whether the message asks for more pages than `most`; it reads no further than that. Errors: FRAME_INVALID. */
export function hasMoreRequests(frame: Buffer, most: number): boolean {
  const reader = new FrameReader(frame);
  let requests = 0;
  while (!reader.atEnd && requests <= most) {
    const tag = reader.tag();
    reader.skip(tag);
    if (tag >>> 3 === 1) requests++;
  }
  return requests > most;
}

function requestToWire({ pageId, scan }: PageRequest): v1.PageRequest.$Properties {
  return scan === undefined ? { pageId: toLong(pageId), cancel: true } : { pageId: toLong(pageId), scan: scanRequestToWire(scan) };
}

function requestFromWire(wire: v1.PageRequest.$Properties): PageRequest {
  const pageId = fromOptionalLong(wire.pageId);
  return { pageId, scan: wire.cancel === true ? undefined : scanRequestFromWire(wire.scan ?? {}) };
}

/** bigmap.v1.PagesResponse, by hand: the columns of a page are copied as they are, once. HOT. */
export function encodePagesResponse(answers: readonly PageAnswer[]): Buffer {
  const pages = answers.map(({ pageId, page }) =>
    page instanceof BigMapError ? new ErrorWriter(pageId, page) : new PageWriter(pageId, page),
  );
  let frameBytes = 0;
  for (const { sizeBytes } of pages) frameBytes += fieldBytes(sizeBytes);
  const writer = new FrameWriter(frameBytes);
  for (const page of pages) {
    writer.beginField(1, page.sizeBytes);
    page.write(writer);
  }
  return writer.finish();
}

class ErrorWriter {
  readonly sizeBytes: number;
  readonly #pageId: number;
  readonly #detail: Buffer;

  constructor(pageId: number, error: BigMapError) {
    this.#pageId = pageId;
    this.#detail = encodeErrorDetail(error);
    this.sizeBytes = numberFieldBytes(pageId) + fieldBytes(this.#detail.length);
  }

  write(writer: FrameWriter): void {
    writer.numberField(1, this.#pageId);
    writer.bytesField(9, this.#detail);
  }
}

/** Writes one page, whose size it knows beforehand. */
class PageWriter {
  readonly sizeBytes: number;
  readonly #pageId: number;
  readonly #page: ScanPage;
  readonly #cursor: Uint8Array;
  #keyColumnBytes = 0;
  #valueColumnBytes = 0;
  #versionColumnBytes = 0;

  constructor(pageId: number, page: ScanPage) {
    this.#pageId = pageId;
    this.#page = page;
    this.#cursor = page.cursor ?? emptyBytes;
    this.#keyColumnBytes = lengthColumnBytes(page.keyOffsets);
    this.#valueColumnBytes = page.values.length === 0 ? 0 : lengthColumnBytes(page.valueOffsets);
    for (let i = 0; i < page.count; i++) this.#versionColumnBytes += varintBytes(page.versions[i] as number);
    this.sizeBytes =
      numberFieldBytes(pageId) +
      numberFieldBytes(page.count) +
      fieldBytes(this.#keyColumnBytes) +
      fieldBytes(page.keys.length) +
      fieldBytes(this.#valueColumnBytes) +
      fieldBytes(page.values.length) +
      fieldBytes(this.#versionColumnBytes) +
      fieldBytes(this.#cursor.length);
  }

  write(writer: FrameWriter): void {
    const { count, keys, keyOffsets, values, valueOffsets, versions } = this.#page;
    writer.numberField(1, this.#pageId);
    writer.numberField(2, count);
    writeLengths(writer, 3, this.#keyColumnBytes, keyOffsets);
    writer.bytesField(4, keys);
    writeLengths(writer, 5, this.#valueColumnBytes, valueOffsets);
    writer.bytesField(6, values);
    if (count > 0) writer.beginField(7, this.#versionColumnBytes);
    for (let i = 0; i < count; i++) writer.varint(versions[i] as number);
    writer.bytesField(8, this.#cursor);
  }
}

function lengthColumnBytes(offsets: Uint32Array): number {
  let sizeBytes = 0;
  for (let i = 1; i < offsets.length; i++) sizeBytes += varintBytes((offsets[i] as number) - (offsets[i - 1] as number));
  return sizeBytes;
}

function writeLengths(writer: FrameWriter, field: number, columnBytes: number, offsets: Uint32Array): void {
  if (columnBytes === 0) return;
  writer.beginField(field, columnBytes);
  for (let i = 1; i < offsets.length; i++) writer.varint((offsets[i] as number) - (offsets[i - 1] as number));
}

/** Errors: FRAME_INVALID. Keys and values are slices of the frame. */
export function decodePagesResponse(frame: Buffer): readonly PageAnswer[] {
  const answers: PageAnswer[] = [];
  const reader = new FrameReader(frame);
  while (!reader.atEnd) {
    const tag = reader.tag();
    if (tag === ((1 << 3) | wireType.lengthDelimited)) {
      const start = reader.lengthDelimited();
      answers.push(new PageFields().read(frame, start, reader.position));
    } else if (tag >>> 3 === 1) throw wrongType(1);
    else reader.skip(tag);
  }
  return answers;
}

class PageFields {
  #pageId = 0;
  #count = 0;
  #keys: Uint8Array = emptyBytes;
  #values: Uint8Array = emptyBytes;
  #cursor: Uint8Array = emptyBytes;
  #error: BigMapError | undefined;
  readonly #keyBytes = new PackedColumn();
  readonly #valueBytes = new PackedColumn();
  readonly #versions = new PackedColumn();

  /** The page whose fields are `frame[start .. end)`. */
  read(frame: Buffer, start: number, end: number): PageAnswer {
    const reader = new FrameReader(frame, start, end);
    while (!reader.atEnd) {
      const tag = reader.tag();
      this.#field(reader, tag);
    }
    return { pageId: this.#pageId, page: this.#error ?? this.#page(frame) };
  }

  #field(reader: FrameReader, tag: number): void {
    switch (tag) {
      case (1 << 3) | wireType.varint:
        this.#pageId = reader.varint();
        return;
      case (2 << 3) | wireType.varint:
        this.#count = reader.uint32();
        return;
      case (4 << 3) | wireType.lengthDelimited:
        this.#keys = reader.bytes();
        return;
      case (6 << 3) | wireType.lengthDelimited:
        this.#values = reader.bytes();
        return;
      case (8 << 3) | wireType.lengthDelimited:
        this.#cursor = reader.bytes();
        return;
      case (9 << 3) | wireType.lengthDelimited:
        this.#error = decodeErrorDetail(reader.bytes());
        return;
    }
    const field = tag >>> 3;
    if (field === 3) this.#keyBytes.take(reader, tag);
    else if (field === 5) this.#valueBytes.take(reader, tag);
    else if (field === 7) this.#versions.take(reader, tag);
    else if (field <= 9) throw wrongType(field);
    else reader.skip(tag);
  }

  #page(frame: Buffer): ScanPage {
    const count = this.#count;
    // A key has a byte at least.
    if (count > this.#keys.length) throw frameInvalid("A page has more entries than bytes of keys");
    const hasValues = this.#values.length > 0;
    return {
      count,
      keys: this.#keys,
      keyOffsets: readOffsets(this.#keyBytes.reader(frame), count, this.#keys.length, "keys"),
      values: this.#values,
      valueOffsets: hasValues
        ? readOffsets(this.#valueBytes.reader(frame), count, this.#values.length, "values")
        : new Uint32Array(count + 1),
      versions: readVersions(this.#versions.reader(frame), count, "entries"),
      // A copy: an application keeps it for long.
      cursor: this.#cursor.length === 0 ? undefined : Buffer.from(this.#cursor),
    };
  }
}

function wrongType(field: number): BigMapError {
  return frameInvalid(`Field ${field} of a page has a wrong wire type`);
}
