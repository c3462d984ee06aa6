import { emptyBytes } from "../base/bytes.js";
import { BigMapError } from "../base/errors.js";
import { limits } from "../base/limits.js";
import { isUpdate, kindOf, conditionOf, operationCondition, operationKind, type OperationBatch } from "../base/operation-batch.js";
import { FrameReader, frameInvalid, wireType } from "./frame-reader.js";
import { FrameWriter, fieldBytes, numberFieldBytes, varintBytes } from "./frame-writer.js";
import { PackedColumn, readOffsets } from "./packed-column.js";

/**
 * bigmap.v1.PipeRequest <-> OperationBatch, by hand because every operation of the fast road passes here. HOT: decoding
 * slices keys and values out of the frame, encoding fills one buffer of the exact size.
 */
export interface PipeRequestFrame {
  readonly batchId: number;
  readonly batch: OperationBatch;
}

const noVersions = new Float64Array(0);

/**
 * The frame of a batch. The deadline becomes the milliseconds that are left at `nowMs` (monotonic), at least one.
 */
export function encodePipeRequest(batch: OperationBatch, batchId: number, nowMs: number): Buffer {
  const { count, operations, keyOffsets, valueOffsets } = batch;
  let keyColumnBytes = 0;
  let valueColumnBytes = 0;
  let versionColumnBytes = 0;
  for (let i = 0; i < count; i++) {
    const operation = operations[i] as number;
    keyColumnBytes += varintBytes((keyOffsets[i + 1] as number) - (keyOffsets[i] as number));
    if (kindOf(operation) === operationKind.put) {
      valueColumnBytes += varintBytes((valueOffsets[i + 1] as number) - (valueOffsets[i] as number));
    }
    if (conditionOf(operation) === operationCondition.ifVersion) versionColumnBytes += varintBytes(batch.ifVersions[i] as number);
  }
  const mapBytes = Buffer.byteLength(batch.map, "utf8");
  const timeoutMs = timeoutOf(batch.deadlineMs, nowMs);
  const writer = new FrameWriter(
    numberFieldBytes(batchId) +
      fieldBytes(mapBytes) +
      numberFieldBytes(timeoutMs) +
      (batch.atomic ? 2 : 0) +
      (batch.noForward ? 2 : 0) +
      fieldBytes(count) +
      fieldBytes(keyColumnBytes) +
      fieldBytes(batch.keys.length) +
      fieldBytes(valueColumnBytes) +
      fieldBytes(batch.values.length) +
      fieldBytes(versionColumnBytes),
  );
  writer.numberField(1, batchId);
  writer.textField(2, batch.map, mapBytes);
  writer.numberField(3, timeoutMs);
  writer.numberField(4, batch.atomic ? 1 : 0);
  writer.numberField(5, batch.noForward ? 1 : 0);
  writer.bytesField(6, operations);
  writeLengths(writer, 7, keyColumnBytes, batch, keyOffsets, false);
  writer.bytesField(8, batch.keys);
  writeLengths(writer, 9, valueColumnBytes, batch, valueOffsets, true);
  writer.bytesField(10, batch.values);
  writeVersions(writer, versionColumnBytes, batch);
  return writer.finish();
}

/**
 * The batch of a frame, whose bytes must not be changed afterwards. Errors: FRAME_INVALID, BATCH_TOO_LARGE. The sizes
 * of single keys and values are the replica's business: they fail one operation, not the batch.
 */
export function decodePipeRequest(frame: Buffer, nowMs: number): PipeRequestFrame {
  const fields = new RequestFields();
  fields.read(frame);
  const { operations, keys, values } = fields;
  const count = operations.length;
  if (fields.batchId === 0) throw frameInvalid("A batch has no id");
  if (count > limits.batchMaxOperations) {
    throw new BigMapError("BATCH_TOO_LARGE", `A batch has at most ${limits.batchMaxOperations} operations, this one has ${count}`);
  }
  if (keys.length + values.length > limits.batchMaxBytes) {
    throw new BigMapError("BATCH_TOO_LARGE", `A batch has at most ${limits.batchMaxBytes} bytes of keys and values`);
  }
  const hasVersions = checkOperations(operations);
  return {
    batchId: fields.batchId,
    batch: {
      map: fields.map,
      count,
      operations,
      keys,
      keyOffsets: readOffsets(fields.keyBytes.reader(frame), count, keys.length, "keys"),
      values,
      valueOffsets: readValueOffsets(fields.valueBytes.reader(frame), operations, values.length),
      ifVersions: readVersions(fields.ifVersions.reader(frame), operations, hasVersions),
      atomic: fields.atomic,
      noForward: fields.noForward,
      deadlineMs: fields.timeoutMs === 0 ? Infinity : nowMs + fields.timeoutMs,
    },
  };
}

class RequestFields {
  batchId = 0;
  map = "";
  timeoutMs = 0;
  atomic = false;
  noForward = false;
  operations: Uint8Array = emptyBytes;
  keys: Uint8Array = emptyBytes;
  values: Uint8Array = emptyBytes;
  readonly keyBytes = new PackedColumn();
  readonly valueBytes = new PackedColumn();
  readonly ifVersions = new PackedColumn();

  read(frame: Buffer): void {
    const reader = new FrameReader(frame);
    while (!reader.atEnd) {
      const tag = reader.tag();
      this.#field(reader, tag);
    }
  }

  #field(reader: FrameReader, tag: number): void {
    switch (tag) {
      case (1 << 3) | wireType.varint:
        this.batchId = reader.varint();
        return;
      case (2 << 3) | wireType.lengthDelimited:
        this.map = reader.text();
        return;
      case (3 << 3) | wireType.varint:
        this.timeoutMs = reader.uint32();
        return;
      case (4 << 3) | wireType.varint:
        this.atomic = reader.bool();
        return;
      case (5 << 3) | wireType.varint:
        this.noForward = reader.bool();
        return;
      case (6 << 3) | wireType.lengthDelimited:
        this.operations = reader.bytes();
        return;
      case (8 << 3) | wireType.lengthDelimited:
        this.keys = reader.bytes();
        return;
      case (10 << 3) | wireType.lengthDelimited:
        this.values = reader.bytes();
        return;
    }
    const field = tag >>> 3;
    if (field === 7) this.keyBytes.take(reader, tag);
    else if (field === 9) this.valueBytes.take(reader, tag);
    else if (field === 11) this.ifVersions.take(reader, tag);
    else if (field <= 10) throw frameInvalid(`Field ${field} of a batch has a wrong wire type`);
    else reader.skip(tag);
  }
}

function timeoutOf(deadlineMs: number, nowMs: number): number {
  if (deadlineMs === Infinity) return 0;
  return Math.min(0xffffffff, Math.max(1, Math.ceil(deadlineMs - nowMs)));
}

function writeLengths(
  writer: FrameWriter,
  field: number,
  columnBytes: number,
  batch: OperationBatch,
  offsets: Uint32Array,
  putsOnly: boolean,
): void {
  if (columnBytes === 0) return;
  writer.beginField(field, columnBytes);
  for (let i = 0; i < batch.count; i++) {
    if (putsOnly && kindOf(batch.operations[i] as number) !== operationKind.put) continue;
    writer.varint((offsets[i + 1] as number) - (offsets[i] as number));
  }
}

function writeVersions(writer: FrameWriter, columnBytes: number, batch: OperationBatch): void {
  if (columnBytes === 0) return;
  writer.beginField(11, columnBytes);
  for (let i = 0; i < batch.count; i++) {
    if (conditionOf(batch.operations[i] as number) === operationCondition.ifVersion) writer.varint(batch.ifVersions[i] as number);
  }
}

/** Whether some operation has the condition ifVersion. */
function checkOperations(operations: Uint8Array): boolean {
  let hasVersions = false;
  for (let i = 0; i < operations.length; i++) {
    const operation = operations[i] as number;
    const condition = conditionOf(operation);
    if (kindOf(operation) > operationKind.delete) throw frameInvalid(`Operation ${i} has the unknown kind ${kindOf(operation)}`);
    if (condition > operationCondition.ifVersion) throw frameInvalid(`Operation ${i} has the unknown condition ${condition >>> 4}`);
    if (condition !== operationCondition.always && !isUpdate(operation)) throw frameInvalid(`Operation ${i} is a query with a condition`);
    if (condition === operationCondition.ifVersion) hasVersions = true;
  }
  return hasVersions;
}

function readValueOffsets(lengths: FrameReader, operations: Uint8Array, totalBytes: number): Uint32Array {
  const count = operations.length;
  const offsets = new Uint32Array(count + 1);
  let end = 0;
  for (let i = 0; i < count; i++) {
    if (((operations[i] as number) & 0x0f) === operationKind.put) {
      end += lengths.varint();
      if (end > totalBytes) throw frameInvalid("The values are longer than their bytes");
    }
    offsets[i + 1] = end;
  }
  if (end !== totalBytes || !lengths.atEnd) throw frameInvalid("The values do not add up to their bytes");
  return offsets;
}

function readVersions(versions: FrameReader, operations: Uint8Array, hasVersions: boolean): Float64Array {
  const column = hasVersions ? new Float64Array(operations.length) : noVersions;
  for (let i = 0; hasVersions && i < operations.length; i++) {
    if (conditionOf(operations[i] as number) === operationCondition.ifVersion) column[i] = versions.varint();
  }
  if (!versions.atEnd) throw frameInvalid("There are more versions than operations that name one");
  return column;
}
