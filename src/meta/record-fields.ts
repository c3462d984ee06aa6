import { BigMapError } from "../base/errors.js";
import { tokenSpaceEnd } from "../ring/hash-range.js";
import { formatToken, type Token } from "../ring/token.js";

const endOfTokenSpace = "2^64";

/** 16 hexadecimal digits, or "2^64" for the end of the token space. */
export function encodeToken(token: Token): string {
  return token.high === tokenSpaceEnd.high ? endOfTokenSpace : formatToken(token);
}

/** The fields of a stored JSON object, each read with its type. Every method fails with STORAGE_CORRUPT. */
export class RecordFields {
  readonly #what: string;
  readonly #fields: Readonly<Record<string, unknown>>;

  constructor(what: string, json: unknown) {
    this.#what = what;
    if (typeof json !== "object" || json === null || Array.isArray(json)) throw corrupt(what, "it is no JSON object");
    this.#fields = json as Readonly<Record<string, unknown>>;
  }

  has(name: string): boolean {
    return Object.hasOwn(this.#fields, name);
  }

  text(name: string): string {
    const value = this.#fields[name];
    return typeof value === "string" ? value : this.#bad(name);
  }

  flag(name: string): boolean {
    const value = this.#fields[name];
    return typeof value === "boolean" ? value : this.#bad(name);
  }

  /** A whole number from `least` to 2^53 - 1. */
  count(name: string, least: number): number {
    const value = this.#fields[name];
    return typeof value === "number" && Number.isSafeInteger(value) && value >= least ? value : this.#bad(name);
  }

  token(name: string): Token {
    const text = this.text(name);
    if (text === endOfTokenSpace) return tokenSpaceEnd;
    if (!/^[0-9a-f]{16}$/.test(text)) this.#bad(name);
    return { high: parseInt(text.slice(0, 8), 16), low: parseInt(text.slice(8), 16) };
  }

  object(name: string): RecordFields {
    return new RecordFields(`${this.#what}.${name}`, this.#fields[name]);
  }

  /** States a relation between fields. */
  require(condition: boolean, name: string): void {
    if (!condition) this.#bad(name);
  }

  #bad(name: string): never {
    throw corrupt(this.#what, `its field "${name}" is missing or has no valid value`);
  }
}

export function corrupt(what: string, reason: string): BigMapError {
  return new BigMapError("STORAGE_CORRUPT", `A stored ${what} cannot be read: ${reason}`);
}
