import { setFlagsFromString } from "node:v8";

/**
 * V8 collects the whole heap when the heap has grown by a part of what it held after the last collection, and counts memory
 * outside of the heap, such as that of network frames, as growth. A process with 20 MB of live objects that moves 50 MB of frames a
 * second is so collected seven times a second: a sixth of a server's CPU time. With this it may grow to five times its size
 * first, which costs some 100 MB at most where the heap is small. For processes of our own only: how an application's heap grows is its own business.
 */
export function letHeapGrow(): void {
  setFlagsFromString("--heap-growing-percent=400");
}
