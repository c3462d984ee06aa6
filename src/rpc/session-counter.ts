import type { SessionId } from "../base/ids.js";

/** Numbers the sessions of a process, from 1. Every pipe and every unary call is one. */
export class SessionCounter {
  #last = 0;

  next(): SessionId {
    return ++this.#last;
  }
}
