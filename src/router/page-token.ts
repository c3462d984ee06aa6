import { BigMapError } from "../base/errors.js";
import { isMapName } from "../base/limits.js";

/** A page of the listing resumes after a name: the token is that name in base64url, and opaque to callers. */
export function encodePageToken(lastName: string): string {
  return Buffer.from(lastName, "utf8").toString("base64url");
}

/** Errors: INVALID_ARGUMENT where the token is not one of ours. */
export function decodePageToken(token: string): string {
  const name = Buffer.from(token, "base64url").toString("utf8");
  if (isMapName(name) && encodePageToken(name) === token) return name;
  throw new BigMapError("INVALID_ARGUMENT", "The page token is not one that a listing gave out", { hint: "Start the listing again." });
}
