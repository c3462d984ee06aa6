/** The public door: the client, its errors and its types. The native module is not loaded from here. */
export { BigMap, type BigMapOptions, type ConnectOptions } from "./client/bigmap.js";
export { MapHandle, type CallOptions, type DeleteOptions, type MapCodecs, type PutOptions } from "./client/map-handle.js";
export { PackedPuts } from "./client/packed-puts.js";
export { Scan, type ScanEntry, type ScanOptions, type ScannedPage } from "./client/scan.js";
export type { DeleteUpdate, PutUpdate, Update, UpdateOutcome } from "./client/update.js";
export type { VersionedValue } from "./client/receiver.js";
export type { Connection } from "./client/connection.js";
export { bytes, json, utf8, type Codec } from "./client/codec.js";
export { BigMapError, errorTable, type ErrorCode, type RetryAdvice } from "./base/errors.js";
export { limits } from "./base/limits.js";
export type { Clock } from "./base/clock.js";
export type { Logger } from "./base/logger.js";
export type { Random } from "./base/random.js";
export type { MapDescription, MapSettings, MapStatistics } from "./base/map-backend.js";
export { compareTokens, formatToken, tokenOf, type Token } from "./ring/token.js";
export { formatRange, rangeShare, type HashRange } from "./ring/hash-range.js";
export { Ring, type RingEntry } from "./ring/ring.js";
export type { CanisterSplit, CanisterState, CanisterStatus, MapRing, ReplicaDescription, Topology } from "./ring/topology.js";
