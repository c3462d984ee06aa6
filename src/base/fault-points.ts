/**
 * Places at which tests end or fail the process, to show that a crash there loses nothing. Order of a split:
 * chosen → frozen → drained → (meta store commits) → committed → flipped.
 */
export const faultPointNames = [
  "commit.before-write",
  "commit.after-write",
  "checkpoint.before-write",
  "checkpoint.after-write",
  "split.chosen",
  "split.frozen",
  "split.drained",
  "split.committed",
  "split.flipped",
  "clear.marked",
  "clear.deleted",
  "drop.committed",
] as const;

export type FaultPointName = (typeof faultPointNames)[number];

/** Called at each named place; in production it does nothing. */
export interface FaultPoints {
  reach(point: FaultPointName): void;
}

export const noFaults: FaultPoints = { reach: () => undefined };
