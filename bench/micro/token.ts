import { seededRandom } from "../../src/base/random.js";
import { tokenHigh, tokenLow } from "../../src/ring/token.js";
import { randomText, sized, type MicroSubject } from "./benchmark.js";

/** The token of a key: two murmur3 runs. Size: bytes of the key. */
export const tokenBenchmarks: MicroSubject = (scale) =>
  [8, 20, 64, 256].map((keyBytes) => ({
    name: "token",
    size: keyBytes,
    operations: sized(scale, 1_000, 10),
    prepare() {
      const count = this.operations;
      const keys = randomText(seededRandom(keyBytes), keyBytes * count);
      return {
        run() {
          let sum = 0;
          for (let start = 0; start < keys.length; start += keyBytes) {
            sum += tokenHigh(keys, start, start + keyBytes) ^ tokenLow(keys, start, start + keyBytes);
          }
          return sum;
        },
      };
    },
  }));
