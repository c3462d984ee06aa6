import { open, type FileHandle } from "node:fs/promises";
import crc32c from "crc-32/crc32c.js";

/**
 * The format of RocksDB's logs, and of its manifest: RocksDB's `db/log_format.h`, and "Write Ahead Log File Format" in its wiki. Blocks of
 * 32 KiB hold records, or parts of those that cross a block's end: masked crc32c u32 LE of all that follows | length u16 LE | type u8 |
 * log's number u32 LE (types 5 to 8 and 11 only) | payload. A block's last bytes, too few for a header, are zeros.
 */
const blockBytes = 32 * 1024;
const headerBytes = 7;
const recyclableHeaderBytes = headerBytes + 4;

/** Whole records and parts of records; `recyclable`, 5 to 8, is added to those of logs that are used again. What is above is no record. */
const recordType = { zero: 0, full: 1, first: 2, middle: 3, last: 4, recyclableTimestampSize: 11 } as const;
const recyclableOffset = 4;

/** Of a record so much is shown. */
const headMaxBytes = 128;

/** A log is read so much at a time. */
const pieceBytes = 32 * blockBytes;

export interface LogVisitor {
  /** A whole record. `head` is its beginning, good until this returns. */
  onRecord(head: Buffer, sizeBytes: number): void;
  /**
   * Here no record stands, or a part of one without the rest: the log's end, or damage. Records behind it are shown if there are some.
   * `isZero`: nothing seems to be written here; RocksDB passes over the rest of the block without a word, and goes on with the next.
   */
  onGap(offset: number, isZero: boolean): void;
}

/** The number in the name of a log, else undefined: RocksDB's text logs are called LOG. */
export function logNumber(name: string): number | undefined {
  return /^\d+\.log$/.test(name) ? Number.parseInt(name, 10) : undefined;
}

/** Shows what stands in a log, in its order, with every checksum verified. Errors: the file system's. */
export async function walkLog(path: string, visitor: LogVisitor): Promise<void> {
  const file = await open(path, "r");
  try {
    const walker = new LogWalker(visitor);
    const piece = Buffer.allocUnsafe(pieceBytes);
    for (let offset = 0; ; offset += pieceBytes) {
      const filledBytes = await fill(piece, file, offset);
      for (let start = 0; start < filledBytes; start += blockBytes) {
        walker.walkBlock(piece.subarray(start, Math.min(start + blockBytes, filledBytes)), offset + start);
      }
      if (filledBytes < pieceBytes) break;
    }
    walker.end();
  } finally {
    await file.close();
  }
}

/** Answers less than the piece's size at the file's end only. */
async function fill(piece: Buffer, file: FileHandle, offset: number): Promise<number> {
  let filledBytes = 0;
  while (filledBytes < piece.length) {
    const { bytesRead } = await file.read(piece, filledBytes, piece.length - filledBytes, offset + filledBytes);
    if (bytesRead === 0) break;
    filledBytes += bytesRead;
  }
  return filledBytes;
}

class LogWalker {
  readonly #visitor: LogVisitor;
  /** The beginning of the record of which parts have come. */
  readonly #head = Buffer.alloc(headMaxBytes);
  /** Where that record begins; undefined where none is open. */
  #openOffset: number | undefined;
  #openBytes = 0;

  constructor(visitor: LogVisitor) {
    this.#visitor = visitor;
  }

  walkBlock(block: Buffer, blockOffset: number): void {
    let isSearching = false;
    let at = 0;
    while (block.length - at >= headerBytes) {
      const type = block[at + 6] as number;
      const end = recordEnd(block, at);
      if (isRecord(block, at, end)) {
        const start = at + headerBytesOf(type);
        this.#add(isRecyclable(type) ? type - recyclableOffset : type, block.subarray(start, end), blockOffset + at);
        at = end;
        isSearching = false;
      } else if (isSearching) {
        at++;
      } else {
        this.#gap(blockOffset + at, isZero(block, at));
        at = searchStart(block, at, end);
        isSearching = true;
      }
    }
    if (at < block.length && block.length < blockBytes && !isSearching) this.#gap(blockOffset + at);
  }

  end(): void {
    if (this.#openOffset !== undefined) this.#gap(this.#openOffset);
  }

  #add(type: number, payload: Buffer, offset: number): void {
    const isContinued = type === recordType.middle || type === recordType.last;
    if (isContinued !== (this.#openOffset !== undefined)) this.#gap(this.#openOffset ?? offset);
    if (type === recordType.full) this.#visitor.onRecord(payload.subarray(0, headMaxBytes), payload.length);
    if (type === recordType.first) this.#open(offset);
    if (this.#openOffset === undefined) return;
    payload.copy(this.#head, Math.min(this.#openBytes, headMaxBytes));
    this.#openBytes += payload.length;
    if (type !== recordType.last) return;
    this.#visitor.onRecord(this.#head.subarray(0, this.#openBytes), this.#openBytes);
    this.#openOffset = undefined;
  }

  #open(offset: number): void {
    this.#openOffset = offset;
    this.#openBytes = 0;
  }

  #gap(offset: number, isZeroHeader = false): void {
    this.#openOffset = undefined;
    this.#visitor.onGap(offset, isZeroHeader);
  }
}

function isRecyclable(type: number): boolean {
  return (type > recordType.last && type <= recordType.last + recyclableOffset) || type === recordType.recyclableTimestampSize;
}

function headerBytesOf(type: number): number {
  return isRecyclable(type) ? recyclableHeaderBytes : headerBytes;
}

function recordEnd(block: Buffer, at: number): number {
  return at + headerBytesOf(block[at + 6] as number) + block.readUInt16LE(at + 4);
}

function isRecord(block: Buffer, at: number, end: number): boolean {
  const type = block[at + 6] as number;
  if (end > block.length || type === recordType.zero || type > recordType.recyclableTimestampSize) return false;
  return block.readUInt32LE(at) === maskedChecksum(block.subarray(at + 6, end));
}

/** No record has this type and no length: it is where nothing was written. */
function isZero(block: Buffer, at: number): boolean {
  return block[at + 6] === recordType.zero && block.readUInt16LE(at + 4) === 0;
}

/**
 * From where on the block is searched for further records, once what stands at `at` is none. Not inside of what may be the torn half of
 * one: a value may hold what looks like records.
 */
function searchStart(block: Buffer, at: number, end: number): number {
  if (end <= block.length) return end;
  return block.length < blockBytes ? block.length : at + 1;
}

/** RocksDB's `util/crc32c.h`: a checksum is stored so that data which holds checksums has good ones itself. */
function maskedChecksum(bytes: Uint8Array): number {
  const checksum = crc32c.buf(bytes);
  return (((checksum >>> 15) | (checksum << 17)) + 0xa282ead8) >>> 0;
}
