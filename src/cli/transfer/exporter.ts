import type { Clock } from "../../base/clock.js";
import type { FormatCodec } from "./formats.js";
import type { LoadSummary } from "./loader.js";
import type { Entry } from "./row.js";

const chunkBytes = 64 * 1024;

/** Writes entries as rows, in chunks, each when the one before is written. Errors: those of the scan and of `write`. */
export async function exportRows(
  entries: AsyncIterable<Entry>,
  codec: FormatCodec,
  write: (chunk: string) => Promise<void>,
  clock: Clock,
  onProgress: (summary: LoadSummary) => void,
): Promise<LoadSummary> {
  const startedMs = clock.monotonicMs();
  const done = { entries: 0, bytes: 0 };
  const summary = (): LoadSummary => ({ ...done, badRows: 0, elapsedMs: clock.monotonicMs() - startedMs });
  let chunk = codec.header;
  for await (const entry of entries) {
    chunk += codec.line(entry);
    done.entries++;
    done.bytes += entry.key.length + entry.value.length;
    if (chunk.length < chunkBytes) continue;
    await write(chunk);
    chunk = "";
    onProgress(summary());
  }
  if (chunk !== "") await write(chunk);
  return summary();
}
