/**
 * The functions that this package takes from the host, or brings where the host has none: browsers have no synchronous
 * SHA-256, and test environments that imitate them lack TextEncoder. Nothing is looked for before it is needed.
 */
import { sha256 } from "@noble/hashes/sha2.js";

interface Hash {
  update(bytes: Uint8Array): Hash;
  digest(): Uint8Array;
}

/** A built-in module of Node's, or of a runtime that has Node's; undefined where there is none. */
function builtin<T>(name: string): T | undefined {
  return globalThis.process?.getBuiltinModule?.(name) as T | undefined;
}

/** Begins a SHA-256. Node's own is several times as fast. */
export function createSha256(): Hash {
  const crypto = builtin<{ createHash(name: string): Hash }>("node:crypto");
  return crypto ? crypto.createHash("sha256") : (sha256.create() as unknown as Hash);
}

type Texts = Pick<typeof globalThis, "TextEncoder" | "TextDecoder">;

const texts = (): Texts =>
  globalThis.TextEncoder && globalThis.TextDecoder ? globalThis : (builtin<Texts>("node:util") as Texts);

export function encodeUtf8(text: string): Uint8Array {
  return new (texts().TextEncoder)().encode(text);
}

/** @throws TypeError for bytes that are not UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string {
  return new (texts().TextDecoder)("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
}
