import { emptyBytes } from "../base/bytes.js";
import { type BigMapError } from "../base/errors.js";
import { limits } from "../base/limits.js";
import { noErrors, resultStatus, type ResultBatch } from "../base/operation-batch.js";
import { decodeErrorDetail, encodeErrorDetail } from "./error-codec.js";
import { FrameReader, frameInvalid, wireType } from "./frame-reader.js";
import { FrameWriter, fieldBytes, numberFieldBytes, varintBytes } from "./frame-writer.js";
import { PackedColumn, readVersions } from "./packed-column.js";

/** Results of one batch, or of some of its operations. Undefined `indexes` mean all of them: whoever sent the batch checks the count. */
export interface PipeAnswer {
  readonly batchId: number;
  readonly results: ResultBatch;
}

/** bigmap.v1.PipeResponse <-> answers, by hand. HOT: see pipe-request-codec. */
export interface PipeResponseFrame {
  readonly answers: readonly PipeAnswer[];
  /** Set in the last frame of a pipe that ends in order: batches past this one were not begun. */
  readonly closingLastBatchId: number | undefined;
}

const moreField = 9;
const moreTag = (moreField << 3) | wireType.lengthDelimited;
const noEncodedErrors: readonly Buffer[] = [];

/** One frame for answers of several batches: each message costs both ends as much as dozens of operations. At least one answer. */
export function encodePipeResponse(answers: readonly PipeAnswer[]): Buffer {
  const parts = answers.map((answer) => new AnswerWriter(answer));
  let frameBytes = 0;
  for (const part of parts) frameBytes += frameBytes === 0 ? part.sizeBytes : fieldBytes(part.sizeBytes);
  const writer = new FrameWriter(frameBytes);
  parts.forEach((part, i) => {
    if (i > 0) writer.beginField(moreField, part.sizeBytes);
    part.write(writer);
  });
  return writer.finish();
}

/** Writes one answer, whose size it knows beforehand. */
class AnswerWriter {
  readonly sizeBytes: number;
  readonly #answer: PipeAnswer;
  readonly #errors: readonly Buffer[];
  #indexColumnBytes = 0;
  #versionColumnBytes = 0;
  #valueColumnBytes = 0;

  constructor(answer: PipeAnswer) {
    this.#answer = answer;
    const { results } = answer;
    this.#measureColumns(results);
    this.#errors = results.errors.size === 0 ? noEncodedErrors : encodeErrors(results.errors);
    let errorBytes = 0;
    for (const error of this.#errors) errorBytes += fieldBytes(error.length);
    this.sizeBytes =
      numberFieldBytes(answer.batchId) +
      fieldBytes(this.#indexColumnBytes) +
      fieldBytes(results.count) +
      fieldBytes(this.#versionColumnBytes) +
      fieldBytes(this.#valueColumnBytes) +
      fieldBytes(results.values.length) +
      errorBytes;
  }

  #measureColumns({ count, indexes, statuses, versions, valueOffsets }: ResultBatch): void {
    let indexColumnBytes = 0;
    let versionColumnBytes = 0;
    let valueColumnBytes = 0;
    for (let i = 0; i < count; i++) {
      if (indexes !== undefined) indexColumnBytes += varintBytes(indexes[i] as number);
      versionColumnBytes += varintBytes(versions[i] as number);
      if (statuses[i] === resultStatus.foundValue)
        valueColumnBytes += varintBytes((valueOffsets[i + 1] as number) - (valueOffsets[i] as number));
    }
    this.#indexColumnBytes = indexColumnBytes;
    this.#versionColumnBytes = versionColumnBytes;
    this.#valueColumnBytes = valueColumnBytes;
  }

  write(writer: FrameWriter): void {
    const { batchId, results } = this.#answer;
    const { count, indexes, statuses, versions } = results;
    writer.numberField(1, batchId);
    if (indexes !== undefined && count > 0) {
      writer.beginField(2, this.#indexColumnBytes);
      for (let i = 0; i < count; i++) writer.varint(indexes[i] as number);
    }
    writer.bytesField(3, statuses);
    if (count > 0) {
      writer.beginField(4, this.#versionColumnBytes);
      for (let i = 0; i < count; i++) writer.varint(versions[i] as number);
    }
    writeValueLengths(writer, this.#valueColumnBytes, results);
    writer.bytesField(6, results.values);
    for (const error of this.#errors) writer.bytesField(7, error);
  }
}

/** The last frame of a pipe that the server ends in order. */
export function encodePipeClosing(lastBatchId: number): Buffer {
  const closingBytes = numberFieldBytes(lastBatchId);
  const writer = new FrameWriter(1 + varintBytes(closingBytes) + closingBytes);
  writer.beginField(8, closingBytes);
  writer.numberField(1, lastBatchId);
  return writer.finish();
}

/** Errors: FRAME_INVALID. Values are slices of the frame. */
export function decodePipeResponse(frame: Buffer): PipeResponseFrame {
  const answers: PipeAnswer[] = [];
  const fields = new ResponseFields();
  fields.read(frame, 0, frame.length, answers);
  return { answers, closingLastBatchId: fields.closingLastBatchId };
}

class ResponseFields {
  batchId = 0;
  statuses: Uint8Array = emptyBytes;
  values: Uint8Array = emptyBytes;
  errors: Map<number, BigMapError> | undefined;
  closingLastBatchId: number | undefined;
  readonly indexes = new PackedColumn();
  readonly versions = new PackedColumn();
  readonly valueBytes = new PackedColumn();

  /** Reads `frame[start .. end)` and adds its answer, if it has one, and those of further batches behind it to `answers`. */
  read(frame: Buffer, start: number, end: number, answers: PipeAnswer[], isOuter = true): void {
    const place = answers.length;
    const reader = new FrameReader(frame, start, end);
    while (!reader.atEnd) {
      const tag = reader.tag();
      if (tag === moreTag && isOuter) {
        const moreStart = reader.lengthDelimited();
        const more = new ResponseFields();
        more.read(frame, moreStart, reader.position, answers, false);
        if (more.closingLastBatchId !== undefined) throw frameInvalid("A pipe's end stands within a further batch");
      } else {
        this.#field(frame, reader, tag);
      }
    }
    const answer = this.#answer(frame);
    if (answer !== undefined) answers.splice(place, 0, answer);
  }

  #answer(frame: Buffer): PipeAnswer | undefined {
    const { batchId, statuses, values } = this;
    const count = statuses.length;
    if (count > limits.batchMaxOperations) throw frameInvalid("An answer has more results than a batch may have operations");
    if (count > 0 && batchId === 0) throw frameInvalid("An answer names no batch");
    const results: ResultBatch = {
      count,
      indexes: readIndexes(this.indexes.reader(frame), count),
      statuses,
      versions: readVersions(this.versions.reader(frame), count, "results"),
      values,
      valueOffsets: readValueOffsets(this.valueBytes.reader(frame), statuses, values.length),
      errors: this.errors ?? noErrors,
    };
    checkStatuses(statuses, results.errors);
    return batchId === 0 ? undefined : { batchId, results };
  }

  #field(frame: Buffer, reader: FrameReader, tag: number): void {
    switch (tag) {
      case (1 << 3) | wireType.varint:
        this.batchId = reader.varint();
        return;
      case (3 << 3) | wireType.lengthDelimited:
        this.statuses = reader.bytes();
        return;
      case (6 << 3) | wireType.lengthDelimited:
        this.values = reader.bytes();
        return;
      case (7 << 3) | wireType.lengthDelimited:
        this.#error(frame, reader);
        return;
      case (8 << 3) | wireType.lengthDelimited:
        this.#closing(frame, reader);
        return;
    }
    const field = tag >>> 3;
    if (field === 2) this.indexes.take(reader, tag);
    else if (field === 4) this.versions.take(reader, tag);
    else if (field === 5) this.valueBytes.take(reader, tag);
    else if (field <= moreField) throw frameInvalid(`Field ${field} of an answer has a wrong wire type, or stands where it may not`);
    else reader.skip(tag);
  }

  #error(frame: Buffer, outer: FrameReader): void {
    const start = outer.lengthDelimited();
    const reader = new FrameReader(frame, start, outer.position);
    let resultIndex = 0;
    let detail: Buffer | undefined;
    while (!reader.atEnd) {
      const tag = reader.tag();
      if (tag === ((1 << 3) | wireType.varint)) resultIndex = reader.uint32();
      else if (tag === ((2 << 3) | wireType.lengthDelimited)) detail = reader.bytes();
      else if (tag >>> 3 <= 2) throw frameInvalid("A result's error has a wrong wire type");
      else reader.skip(tag);
    }
    this.errors ??= new Map();
    if (this.errors.has(resultIndex)) throw frameInvalid(`Result ${resultIndex} has two errors`);
    this.errors.set(resultIndex, decodeErrorDetail(detail ?? emptyBytes));
  }

  #closing(frame: Buffer, outer: FrameReader): void {
    const start = outer.lengthDelimited();
    const reader = new FrameReader(frame, start, outer.position);
    this.closingLastBatchId ??= 0;
    while (!reader.atEnd) {
      const tag = reader.tag();
      if (tag === ((1 << 3) | wireType.varint)) this.closingLastBatchId = reader.varint();
      else if (tag >>> 3 === 1) throw frameInvalid("A pipe's end has a wrong wire type");
      else reader.skip(tag);
    }
  }
}

/** bigmap.v1.PipeError of each failed result, in the order of the results. */
function encodeErrors(errors: ReadonlyMap<number, BigMapError>): readonly Buffer[] {
  const encoded: Buffer[] = [];
  for (const [resultIndex, error] of errors) {
    const detail = encodeErrorDetail(error);
    const writer = new FrameWriter(numberFieldBytes(resultIndex) + fieldBytes(detail.length));
    writer.numberField(1, resultIndex);
    writer.bytesField(2, detail);
    encoded.push(writer.finish());
  }
  return encoded;
}

function writeValueLengths(writer: FrameWriter, columnBytes: number, results: ResultBatch): void {
  if (columnBytes === 0) return;
  const { count, statuses, valueOffsets } = results;
  writer.beginField(5, columnBytes);
  for (let i = 0; i < count; i++) {
    if (statuses[i] === resultStatus.foundValue) writer.varint((valueOffsets[i + 1] as number) - (valueOffsets[i] as number));
  }
}

function readIndexes(column: FrameReader, count: number): Uint32Array | undefined {
  if (column.atEnd) return undefined;
  const indexes = new Uint32Array(count);
  for (let i = 0; i < count; i++) indexes[i] = column.uint32();
  if (!column.atEnd) throw frameInvalid("There are more indexes than results");
  return indexes;
}

function readValueOffsets(lengths: FrameReader, statuses: Uint8Array, totalBytes: number): Uint32Array {
  const count = statuses.length;
  const offsets = new Uint32Array(count + 1);
  let end = 0;
  for (let i = 0; i < count; i++) {
    if (statuses[i] === resultStatus.foundValue) {
      end += lengths.varint();
      if (end > totalBytes) throw frameInvalid("The values are longer than their bytes");
    }
    offsets[i + 1] = end;
  }
  if (end !== totalBytes || !lengths.atEnd) throw frameInvalid("The values do not add up to their bytes");
  return offsets;
}

function checkStatuses(statuses: Uint8Array, errors: ReadonlyMap<number, BigMapError>): void {
  let failed = 0;
  for (let i = 0; i < statuses.length; i++) {
    const status = statuses[i] as number;
    if (status > resultStatus.nothingToDelete) throw frameInvalid(`Result ${i} has the unknown status ${status}`);
    if (status !== resultStatus.failed) continue;
    if (!errors.has(i)) throw frameInvalid(`Result ${i} failed without an error`);
    failed++;
  }
  if (failed !== errors.size) throw frameInvalid("An error belongs to no failed result");
}
