import type { CancelTimer, Clock } from "../base/clock.js";
import { limits } from "../base/limits.js";
import type { Logger } from "../base/logger.js";
import { folderDiskSpace, type DiskSpace } from "../storage/disk-space.js";

const measureEveryMs = 500;

/**
 * Watches the free space under the data folder, so that updates are refused in good order before the storage engine is
 * left without a byte. Puts are refused below limits.diskReserveBytes, deletes below half of it.
 */
export class DiskGuard {
  isFull: "no" | "puts" | "updates" = "no";
  readonly #space: DiskSpace | undefined;
  #cancel: CancelTimer = () => undefined;

  /** Without a folder the disk is never full. */
  constructor(
    folder: string | undefined,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {
    this.#space = folder === undefined ? undefined : folderDiskSpace(folder);
  }

  start(): void {
    this.#cancel = this.clock.setTimer(measureEveryMs, () => void this.measure().then(() => this.start()));
  }

  stop(): void {
    this.#cancel();
  }

  async measure(): Promise<void> {
    if (this.#space === undefined) return;
    try {
      const freeBytes = await this.#space.freeBytes();
      const before = this.isFull;
      this.isFull = freeBytes < limits.diskReserveBytes / 2 ? "updates" : freeBytes < limits.diskReserveBytes ? "puts" : "no";
      if (this.isFull !== before) this.logger.warn({ freeBytes, refused: this.isFull }, "The disk's free space crossed a mark");
    } catch (error) {
      this.logger.error({ err: error }, "The free space of the disk could not be read");
    }
  }
}
