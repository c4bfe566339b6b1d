import { type Header, refuse } from "./header.ts";

/**
 * The checksum that files written here carry: their last tensor holds 16 fixed bytes and the SHA-256 of every byte
 * before it. Three signs tell that a file has one, at both ends of the file: a key of the header's metadata, the
 * tensor's name, and the fixed bytes. A single damage leaves at least one of them.
 */
export const checksumName = "rmsprop.checksum";
export const checksumKind = "sha256";
export const magic = Uint8Array.from("rmsprop\0sha-256\0", (character) => character.charCodeAt(0));
export const trailerLength = magic.length + 32;

export const equal = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, i) => byte === b[i]);

/**
 * The checksum that a file carries, or undefined for one of another writer.
 * @throws OptimError ERR_CHECKPOINT where only some of the signs of one are there.
 */
export function announcedDigest({ metadata, tensors }: Header, trailer: Uint8Array): Uint8Array | undefined {
  const last = tensors.at(-1);
  const signs = {
    "its metadata": metadata.get(checksumName) === checksumKind,
    "its last tensor": last?.name === checksumName && last.dtype === "U8" && last.end - last.begin === trailerLength,
    "its last bytes": equal(trailer.subarray(0, magic.length), magic),
  };
  const foreign =
    !metadata.has(checksumName) && !tensors.some(({ name }) => name === checksumName) && !signs["its last bytes"];
  if (foreign) return undefined;
  const lacking = Object.entries(signs).find(([, there]) => !there);
  if (lacking)
    refuse(`Expected ${lacking[0]} to tell of its checksum, as another place does, but it is not told there.`);
  return trailer.subarray(magic.length);
}
