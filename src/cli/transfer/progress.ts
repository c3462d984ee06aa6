import { SingleBar } from "cli-progress";
import type { Clock } from "../../base/clock.js";
import { formatBytesRate, formatCount, formatCountRate } from "../number-text.js";
import type { TerminalStream } from "../terminal.js";

/** How far a transfer is. */
export interface ProgressState {
  /** Done so far of `total`, in its unit. */
  readonly done: number;
  readonly entries: number;
  readonly bytes: number;
}

/** Tells the user how far it is. */
export interface Progress {
  update(state: ProgressState): void;
  /** Leaves the last state on the screen. */
  stop(): void;
}

export interface ProgressOptions {
  readonly clock: Clock;
  readonly stream: TerminalStream;
  readonly label: string;
  /** Undefined where nobody knows, as with stdin. */
  readonly total: number | undefined;
  readonly quiet: boolean;
}

const lineEveryMs = 5_000;

/** A bar where a person looks, a line every few seconds where a file or a log takes it, nothing with `quiet`. */
export function startProgress(options: ProgressOptions): Progress {
  if (options.quiet) return { update: () => undefined, stop: () => undefined };
  return options.stream.isTTY === true ? barProgress(options) : lineProgress(options);
}

function barProgress({ clock, stream, label, total }: ProgressOptions): Progress {
  const known = total !== undefined && total > 0;
  const format = known
    ? "{label} |{bar}| {percentage}% · {entries} entries · {entryRate}/s · {byteRate} · ETA {eta_formatted}"
    : "{label} · {entries} entries · {entryRate}/s · {byteRate}";
  const bar = new SingleBar({
    format,
    stream,
    hideCursor: true,
    fps: 8,
    barsize: 24,
    barCompleteChar: "█",
    barIncompleteChar: "·",
    clearOnComplete: false,
  });
  const startedMs = clock.monotonicMs();
  bar.start(known ? total : 1, 0, { label, entries: "0", entryRate: "0", byteRate: formatBytesRate(0, 1) });
  return {
    update: ({ done, entries, bytes }) => bar.update(known ? done : 0, ratesOf(entries, bytes, clock.monotonicMs() - startedMs)),
    stop: () => bar.stop(),
  };
}

function lineProgress({ clock, stream, label, total }: ProgressOptions): Progress {
  const startedMs = clock.monotonicMs();
  let writtenMs = startedMs;
  return {
    update({ done, entries, bytes }) {
      const nowMs = clock.monotonicMs();
      if (nowMs - writtenMs < lineEveryMs) return;
      writtenMs = nowMs;
      const rates = ratesOf(entries, bytes, nowMs - startedMs);
      const percent = total === undefined || total === 0 ? "" : `${Math.floor((done / total) * 100)}% · `;
      stream.write(`${label} · ${percent}${rates.entries} entries · ${rates.entryRate}/s · ${rates.byteRate}\n`);
    },
    stop: () => undefined,
  };
}

function ratesOf(entries: number, bytes: number, elapsedMs: number): Record<"entries" | "entryRate" | "byteRate", string> {
  return { entries: formatCount(entries), entryRate: formatCountRate(entries, elapsedMs), byteRate: formatBytesRate(bytes, elapsedMs) };
}
