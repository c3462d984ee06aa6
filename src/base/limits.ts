import { assert } from "./errors.js";

const kibBytes = 1024;
const mibBytes = 1024 * kibBytes;
const gibBytes = 1024 * mibBytes;

/** Every limit of the project. Relations between them are asserted below, when this file loads. */
export const limits = {
  keyMaxBytes: 4 * kibBytes,
  valueMaxBytes: 1 * mibBytes,
  mapNameMaxChars: 255,

  /** Operations in one batch, on the wire and in one call. */
  batchMaxOperations: 10_000,
  /** Keys and values of one batch together. */
  batchMaxBytes: 8 * mibBytes,
  /** Largest gRPC message, either way. */
  messageMaxBytes: 16 * mibBytes,
  /** How much one end of a connection may send before the other has taken any of it: as much as several large messages. */
  receiveWindowBytes: 4 * mibBytes,
  /**
   * Messages to a server of which a part has come, of all calls: past the first, those are cut off that took longer than so long and of
   * which less than so much came in a second; past the second, the youngest of the larger ones. Each counts so much at least.
   */
  partialMessagesTargetBytes: 256 * mibBytes,
  partialMessagesMaxBytes: 512 * mibBytes,
  partialMessageCrowdedMs: 2_000,
  partialMessageCrowdedBytes: 64 * kibBytes,
  partialMessageLeastBytes: 8 * kibBytes,
  /** Open calls of one connection; the next wait in the client. Pipes of a server; past it OVERLOADED. Metadata of one call. */
  connectionCallsMost: 2_048,
  pipesMost: 16_384,
  callMetadataMaxBytes: 16 * kibBytes,
  /** A part of a batch's answer is sent when its values reach this. */
  resultPartMaxBytes: 4 * mibBytes,
  /** A scan page stops when it has this many bytes of entries, or, without a filter by prefix, has read this many. */
  scanPageMaxBytes: 1 * mibBytes,
  scanPageMaxEntries: 4_096,
  /** A scan page that filters by prefix stops after reading this many bytes. */
  scanReadMaxBytes: 8 * mibBytes,
  /** Pages that a replica reads at once; and those in service, until the gRPC library has taken them. The next wait in order. */
  scanPagesReadMost: 8,
  scanPagesServedMost: 32,
  /** Those of one client's stream, until they are taken however long that is; more than so many of it wait before they wait among all. */
  scanPagesOfStreamMost: 16,
  /** A page that was not taken after so long gives its place back, while fewer than so many have. */
  scanPageHeldMostMs: 1_000,
  scanPagesOverMost: 64,
  /** Pages that wait; past it OVERLOADED. */
  scanPagesWaitingMost: 1_024,
  /** The longest cursor of a scan: a key, and where it is. */
  scanCursorMaxBytes: 4 * kibBytes + 21,
  /** A message that asks for pages. */
  scanRequestsMaxBytes: 1 * mibBytes,
  /**
   * A stream, a pipe or a unary answer of which the reader takes nothing for so long, or up to twice as long, is cut off, so that it does
   * not hold what was written for ever; and so is a call of whose message nothing more comes for so long.
   */
  streamStallMostMs: 30_000,
  /**
   * Of answers to Get, GetMany and ListMaps: bytes that have not left for the network, and those expected of reads under way. One
   * connection may have at most a third of what is free, thus a quarter of all, what comes next on it waits; or a single read, up to
   * twice of all.
   */
  unaryReadsMaxBytes: 64 * mibBytes,
  /** A read under way counts this much at least: those that come after many small ones may be large. */
  unaryReadLeastBytes: 256 * kibBytes,
  /** Reads that wait; past it OVERLOADED. */
  unaryReadsWaitingMost: 16_384,
  /**
   * Rings and topologies that have not left for the network, bounded as those answers are; past it a call is OVERLOADED, and a watch that
   * has sent a ring waits. Watches of a server; past it OVERLOADED.
   */
  largeAnswersMaxBytes: 64 * mibBytes,
  watchesMost: 16_384,
  listPageMaxMaps: 1_000,

  /** Counted for every entry beside its key and value: token, map id and header. */
  entryOverheadBytes: 32,

  canisterCapDefaultBytes: 4 * gibBytes,
  /** Small caps are for tests and demonstrations: an entry that does not fit into a canister at all is CANISTER_FULL. */
  canisterCapMinBytes: 64 * kibBytes,
  canisterCapMaxBytes: 4 * gibBytes,
  /** Of the cap; splitting starts here. */
  softCapRatio: 0.75,
  initialCanistersDefault: 4,
  initialCanistersMax: 4_096,

  memoryDefaultBytes: 1 * gibBytes,
  memoryMinBytes: 16 * mibBytes,

  /** Updates that a replica accepted and has not answered; past either it answers OVERLOADED. */
  pendingUpdatesMaxOperations: 200_000,
  pendingUpdatesMaxBytes: 256 * mibBytes,
  /** Operations in flight on one pipe; past either its reader pauses. */
  pipeMaxOperations: 32_768,
  pipeMaxBytes: 32 * mibBytes,
  /** The same for a client in the background: what waits in the client is known to be not begun when its time is over. */
  backgroundPipeMaxOperations: 4_096,
  backgroundPipeMaxBytes: 4 * mibBytes,
  /** Operations of clients in the background that wait in a replica; past either OVERLOADED. */
  backgroundWaitingMaxOperations: 65_536,
  backgroundWaitingMaxBytes: 64 * mibBytes,
  /**
   * Answers of one pipe that its client has not taken, and those expected of gets under way: past it, and past this many gets, what
   * comes next waits; batches without updates take turns then. A new pipe begins with `pipeReplyCrowdedBytes`, and what its client takes
   * is added.
   */
  pipeReplyTargetBytes: 16 * mibBytes,
  pipeMaxGets: 1_024,
  /**
   * Answers of all pipes that clients have not taken: past the first, each pipe gets no more than the second under way, and where it has
   * not taken as much, values are answered with OVERLOADED.
   */
  pipesReplyTargetBytes: 256 * mibBytes,
  pipeReplyCrowdedBytes: 2 * mibBytes,
  /**
   * Answers to gets under way of all pipes together, and those of this turn of the event loop: past it pipes take turns. But each pipe
   * may have the second, or a single get where its client has taken everything.
   */
  pipesReadingMostBytes: 32 * mibBytes,
  pipeReadingLeastBytes: 256 * kibBytes,
  /** Answers of one pipe that its client has not taken; past it, values are answered with OVERLOADED. */
  pipeReplyMaxBytes: 64 * mibBytes,
  /** Operations waiting in one client; past it they fail with OVERLOADED. */
  clientMaxOperations: 1_000_000,
  clientMaxBytes: 512 * mibBytes,

  /** How long a write at the hard cap, or in a frozen canister, waits for the split. */
  splitWaitMaxMs: 10_000,
  /** Free space below which updates are refused with DISK_FULL, so that the store can still close in order. */
  diskReserveBytes: 64 * mibBytes,
} as const;

assert(limits.keyMaxBytes + limits.valueMaxBytes + limits.entryOverheadBytes <= limits.batchMaxBytes, "an entry fits into a batch");
assert(limits.batchMaxBytes < limits.messageMaxBytes, "a batch fits into a message");
assert(limits.messageMaxBytes < limits.partialMessagesTargetBytes, "a message fits among those that are not whole");
assert(limits.resultPartMaxBytes + limits.valueMaxBytes < limits.messageMaxBytes, "a part of an answer fits into a message");
assert(limits.scanPageMaxBytes + limits.valueMaxBytes + limits.keyMaxBytes < limits.messageMaxBytes, "a scan page fits into a message");
assert(limits.scanPagesOfStreamMost < limits.scanPagesServedMost, "one client leaves places for others");
assert(limits.scanPagesOfStreamMost <= limits.scanPagesOverMost, "one client that is slow is not in the way by its own number");
assert(limits.canisterCapMinBytes <= limits.canisterCapDefaultBytes, "the default cap is allowed");
assert(4 * limits.messageMaxBytes <= limits.unaryReadsMaxBytes, "one connection's share holds any answer");
assert(limits.pipeMaxBytes >= limits.batchMaxBytes, "a batch fits into a pipe");
assert(limits.valueMaxBytes < limits.pipeReplyCrowdedBytes, "the largest value finds room where many do not read");
assert(limits.pipeReplyTargetBytes <= limits.pipesReadingMostBytes, "one pipe by itself does not wait for others");
assert(2 * limits.pipeReplyTargetBytes <= limits.pipeReplyMaxBytes, "gets find room while values are no larger than those before");

const mapNamePattern = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

/** Whether a map may have this name. */
export function isMapName(name: string): boolean {
  return name.length <= limits.mapNameMaxChars && mapNamePattern.test(name);
}
