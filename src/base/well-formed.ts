/**
 * Whether the text holds no half of a surrogate pair, which UTF-8 cannot say. String.prototype.isWellFormed is in Node 20, but not
 * yet in the library of types for ES2023.
 */
export function isWellFormed(text: string): boolean {
  return (text as string & { isWellFormed(): boolean }).isWellFormed();
}
