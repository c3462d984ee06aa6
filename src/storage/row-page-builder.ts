import type { ReadRangeOptions, RowPage } from "./storage-engine.js";

/** Collects rows until a limit of the options is reached. */
export class RowPageBuilder {
  readonly #options: ReadRangeOptions;
  readonly #keys: Uint8Array[] = [];
  readonly #values: Uint8Array[] = [];
  #sizeBytes = 0;

  constructor(options: ReadRangeOptions) {
    this.#options = options;
  }

  get rowCount(): number {
    return this.#keys.length;
  }

  get full(): boolean {
    return this.#keys.length >= this.#options.maxRows || this.#sizeBytes >= this.#options.maxBytes;
  }

  /** `value` is undefined for a reader of keys. */
  add(key: Uint8Array, value: Uint8Array | undefined): void {
    this.#keys.push(key);
    this.#sizeBytes += key.length;
    if (value === undefined) return;
    this.#values.push(value);
    this.#sizeBytes += value.length;
  }

  build(finished: boolean): RowPage {
    return { keys: this.#keys, values: this.#values, finished };
  }
}
