import { Transform, pipeline, type Readable } from "node:stream";

/** A stream that knows how much went through it. */
export interface CountedBytes {
  readonly stream: Readable;
  readonly bytes: number;
}

export function countedBytes(source: Readable): CountedBytes {
  let bytes = 0;
  const counter = new Transform({
    transform(chunk: Buffer, _encoding, callback) {
      bytes += chunk.length;
      callback(null, chunk);
    },
  });
  // An error of the source reaches whoever reads the counter.
  pipeline(source, counter, () => undefined);
  return {
    stream: counter,
    get bytes() {
      return bytes;
    },
  };
}
