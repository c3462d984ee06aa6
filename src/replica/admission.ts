import { limits } from "../base/limits.js";

/** Bounds the updates that a replica has accepted and not answered: past it new ones are refused, nothing grows without end. */
export class Admission {
  operations = 0;
  bytes = 0;
  /** Of all operations that were ever taken in. */
  acceptedBytes = 0;

  /** Takes the operation in, or answers false. */
  admit(bytes: number): boolean {
    if (this.operations >= limits.pendingUpdatesMaxOperations || this.bytes + bytes > limits.pendingUpdatesMaxBytes) return false;
    this.operations++;
    this.bytes += bytes;
    this.acceptedBytes += bytes;
    return true;
  }

  release(bytes: number): void {
    this.operations--;
    this.bytes -= bytes;
  }
}
