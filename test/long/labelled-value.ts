/**
 * Values that say who wrote them and prove that they are whole. The id ends in the number of bytes that follow it:
 * "7.1043.5" is stored as "7.1043.5|xxxxx", each x derived from the id.
 */
export function valueOfId(id: string): string {
  const sizeBytes = Number(id.slice(id.lastIndexOf(".") + 1));
  return `${id}|${padding(id, sizeBytes)}`;
}

/** The id of a stored value; "damaged ..." where a byte of it is not as it was written. */
export function idOfValue(stored: string): string {
  const id = stored.slice(0, Math.max(0, stored.indexOf("|")));
  return stored === valueOfId(id) ? id : `damaged value of ${stored.length} bytes: ${stored.slice(0, 40)}`;
}

function padding(id: string, sizeBytes: number): string {
  return `${id};`.repeat(Math.ceil(sizeBytes / (id.length + 1))).slice(0, sizeBytes);
}
