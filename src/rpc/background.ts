import { Metadata } from "@grpc/grpc-js";

/** Request metadata of a pipe whose operations give way to those of others. */
const backgroundKey = "bigmap-background";
const backgroundValue = "1";

export function backgroundMetadata(): Metadata {
  const metadata = new Metadata();
  metadata.set(backgroundKey, backgroundValue);
  return metadata;
}

export function isBackground(metadata: Metadata): boolean {
  return metadata.get(backgroundKey)[0] === backgroundValue;
}
