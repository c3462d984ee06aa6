/** Number of a map; from 1, never used again. It is the first part of every stored key of the map. */
export type MapId = number;

/** Number of a data canister; from 1, unique over all maps, never used again. */
export type CanisterId = number;

/** Name of a replica, unique in an installation. */
export type ReplicaId = string;

/** Number of one connection (or in-process user) of a replica: operations of one session on one key keep their order. */
export type SessionId = number;

/** Stands for operations of more than one session. */
export const severalSessions: SessionId = -1;

/** Map id 0 belongs to the system: the meta records and the accounting of the canisters. */
export const systemMapId: MapId = 0;
