// Writes new entries from when it is told to start until it is told to stop. A program of its own; `filler.ts` starts it.
import { setTimeout as delay } from "node:timers/promises";
import { PipeRoad } from "../../src/cli/bench/pipe-road.js";
import { Records } from "../../src/cli/bench/records.js";
import { BigMap } from "../../src/client/bigmap.js";
import { fillBatchEntries, fillBatchesInFlight } from "./fill-batches.js";

export interface FillSettings {
  readonly address: string;
  readonly map: string;
  readonly valueBytes: number;
  /** The records from this number on are new. */
  readonly firstRecord: number;
  /** Undefined: as fast as it goes. */
  readonly entriesPerSecond: number | undefined;
  /** Whether it is a client that gives way to others. */
  readonly background: boolean;
}

/** After "end" comes no answer but the end of the process. */
export type FillRequest = "start" | "stop" | "end";

export interface FillAnswer {
  readonly entries: number;
  readonly elapsedMs: number;
  readonly error?: string;
}

class Fill {
  entries = 0;
  readonly #startedMs = performance.now();
  readonly #workers: Promise<unknown>;
  #batches = 0;
  #isOver = false;
  #error: string | undefined;

  constructor(
    private readonly road: PipeRoad,
    private readonly records: Records,
    private readonly firstRecord: number,
    private readonly entriesPerSecond: number | undefined,
  ) {
    this.#workers = Promise.all(Array.from({ length: fillBatchesInFlight }, () => this.#worker()));
  }

  async stop(): Promise<FillAnswer> {
    this.#isOver = true;
    await this.#workers;
    const figures = { entries: this.entries, elapsedMs: performance.now() - this.#startedMs };
    return this.#error === undefined ? figures : { ...figures, error: this.#error };
  }

  async #worker(): Promise<void> {
    try {
      while (!this.#isOver) {
        const batch = this.#batches++;
        const start = this.firstRecord + batch * fillBatchEntries;
        if (this.entriesPerSecond !== undefined) {
          const dueMs = this.#startedMs + (batch * fillBatchEntries * 1000) / this.entriesPerSecond;
          await delay(Math.max(0, dueMs - performance.now()));
        }
        const numbers = Array.from({ length: fillBatchEntries }, (_, i) => start + i);
        await this.road.putMany(
          numbers.map((record) => this.records.keyOf(record)),
          numbers.map((record) => this.records.valueOf(record)),
        );
        this.entries += numbers.length;
      }
    } catch (error) {
      this.#isOver = true;
      this.#error ??= String(error);
    }
  }
}

async function serve({ address, map, valueBytes, firstRecord, entriesPerSecond, background }: FillSettings): Promise<void> {
  const client = await BigMap.connect({ endpoints: [address], background });
  const road = new PipeRoad(client, map);
  const records = new Records(valueBytes);
  const answer = (figures: FillAnswer): void => void process.send?.(figures);
  const nothing: FillAnswer = { entries: 0, elapsedMs: 0 };
  let next = firstRecord;
  let fill: Fill | undefined;
  const handle = async (request: FillRequest): Promise<void> => {
    if (request === "end") {
      // From this side: a process that cut the channel itself is not told when its child has ended.
      process.disconnect();
      return;
    }
    if (request === "start") {
      fill = new Fill(road, records, next, entriesPerSecond);
      answer(nothing);
      return;
    }
    const figures = (await fill?.stop()) ?? nothing;
    // Every batch that was begun was written, so that the next new record is behind them.
    next += figures.entries;
    answer(figures);
  };
  process.on("message", (request: FillRequest) => void handle(request));
  process.once("disconnect", () => void client.close());
  answer(nothing);
}

await serve(JSON.parse(process.argv[2] ?? "{}") as FillSettings);
