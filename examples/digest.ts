import { createHash } from "node:crypto";

/** The beginning of a SHA-256 of arrays: equal digests are equal bits. */
export function digest(arrays: readonly Float32Array[]): string {
  const hash = createHash("sha256");
  for (const { buffer, byteOffset, byteLength } of arrays) hash.update(new Uint8Array(buffer, byteOffset, byteLength));
  return hash.digest("hex").slice(0, 16);
}
