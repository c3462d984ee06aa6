import type { CancelTimer, Clock } from "../base/clock.js";
import { limits } from "../base/limits.js";
import type { Logger } from "../base/logger.js";
import type { DiskSpace } from "../storage/disk-space.js";
import type { StorageEngine } from "../storage/storage-engine.js";

const measureEveryMs = 500;
/** What is accepted is written to the log at once and to a table file later, while the log is still there. */
const writtenTimes = 2;

export type Refused = "no" | "puts" | "updates";

/**
 * Watches the free space under the data folder, so that updates are refused in good order before the storage engine is
 * left without a byte: a write that fails ends all writing until the next start. Puts are refused below
 * limits.diskReserveBytes, deletes below half of it. Room that is already promised does not count as free: to the work
 * that the engine has yet to do, and to what was accepted since the last look, for a fast writer fills the reserve between two.
 */
export class DiskGuard {
  #roomBytes = Infinity;
  /** Bytes of the updates that were answered before the last look: what they wrote is in it. */
  #seenBytes = 0;
  #answeredBytes = 0;
  #refused: Refused = "no";
  #isStopped = false;
  #cancel: CancelTimer = () => undefined;

  /** Without a space to watch the disk is never full. */
  constructor(
    private readonly space: DiskSpace | undefined,
    private readonly engine: Pick<StorageEngine, "statistics">,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {}

  start(): void {
    if (this.#isStopped) return;
    this.#cancel = this.clock.setTimer(measureEveryMs, () => void this.measure().then(() => this.start()));
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel();
  }

  /** What must be refused now; the bytes are those of all updates since the start. HOT. */
  refuses(acceptedBytes: number, answeredBytes: number): Refused {
    this.#answeredBytes = answeredBytes;
    const roomBytes = this.#roomBytes - (acceptedBytes - this.#seenBytes) * writtenTimes;
    if (roomBytes >= limits.diskReserveBytes) return "no";
    return roomBytes < limits.diskReserveBytes / 2 ? "updates" : "puts";
  }

  async measure(): Promise<void> {
    if (this.space === undefined) return;
    try {
      const seenBytes = this.#answeredBytes;
      const freeBytes = (await this.space.freeBytes()) - this.engine.statistics().workBytes;
      this.#seenBytes = seenBytes;
      this.#roomBytes = freeBytes;
      this.#tell(freeBytes);
    } catch (error) {
      this.logger.error({ err: error }, "The free space of the disk could not be read");
    }
  }

  #tell(freeBytes: number): void {
    const refused = freeBytes < limits.diskReserveBytes / 2 ? "updates" : freeBytes < limits.diskReserveBytes ? "puts" : "no";
    if (refused !== this.#refused) this.logger.warn({ freeBytes, refused }, "The disk's free space crossed a mark");
    this.#refused = refused;
  }
}
