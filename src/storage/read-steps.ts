/** Snapshot readers read in steps of about half a millisecond: the rows become JavaScript objects, and nothing else is done meanwhile. */
export const readStepMaxBytes = 64 * 2 ** 10;
export const readStepMaxRows = 512;
