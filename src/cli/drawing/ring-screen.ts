import { write, type TerminalStream } from "../terminal.js";

/** Shows one picture after another in the same place of a terminal; one below the other where the output is none. */
export class RingScreen {
  readonly #stream: TerminalStream;
  #shownLines = 0;

  constructor(stream: TerminalStream) {
    this.#stream = stream;
  }

  async show(lines: readonly string[]): Promise<void> {
    const inPlace = this.#stream.isTTY === true;
    // Up to the first line of the last picture, then clear to the end of the screen.
    const rewind = inPlace && this.#shownLines > 0 ? `\u001b[${this.#shownLines}A\u001b[J` : "";
    this.#shownLines = lines.length;
    await write(this.#stream, `${rewind}${lines.join("\n")}\n${inPlace ? "" : "\n"}`);
  }
}
