import { keyAt, ScanPageBuilder, valueAt, type ScanPage } from "../../src/base/scan-page.js";

/** An entry of a page as an object of its own. */
export interface ScannedEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly version: number;
}

export function pageOf(entries: readonly ScannedEntry[], cursor: Uint8Array | undefined): ScanPage {
  const page = new ScanPageBuilder();
  for (const { key, value, version } of entries) page.add(key, value, version);
  return page.build(cursor);
}

export function entriesOf(page: ScanPage): ScannedEntry[] {
  return Array.from({ length: page.count }, (_, i) => ({ key: keyAt(page, i), value: valueAt(page, i), version: page.versions[i] ?? 0 }));
}
