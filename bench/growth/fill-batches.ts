/** How entries are written in the background: as the load phase does. */
export const fillBatchEntries = 100;
export const fillBatchesInFlight = 8;
