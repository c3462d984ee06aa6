import { setFlagsFromString } from "node:v8";

/**
 * Lets the heap of this process grow to several times of what is alive before all of it is collected. V8 counts the memory of buffers
 * against the growth of the heap, and here megabytes of frames pass through a small heap: it would be collected several times a second,
 * with next to nothing to find. Call it first, before much is allocated.
 */
export function letHeapGrow(): void {
  setFlagsFromString("--heap-growing-percent=400");
}
