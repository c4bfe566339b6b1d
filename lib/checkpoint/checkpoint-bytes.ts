import { type OwnBytes, sourceOf, viewOfBytes } from "./bytes.ts";
import { type Loaded, type LoadOptions, load, readLoadOptions } from "./checkpoint-load.ts";
import { describe, type SaveOptions } from "./checkpoint-save.ts";
import { bytesOfFile } from "./safetensors-bytes.ts";
import { runSync } from "./task.ts";

/**
 * The bytes that `saveCheckpoint` writes to a file, in memory: for browsers, requests, databases.
 * @throws OptimError as `saveCheckpoint` does, ERR_MEMORY.
 */
export function encodeCheckpoint(options: SaveOptions): OwnBytes {
  return bytesOfFile(describe(options, false, "encodeCheckpoint"));
}

/**
 * Fills parameters, and an optimizer, as `loadCheckpoint` does, from a file's bytes in memory.
 * @param bytes All of a file, as a Uint8Array or an ArrayBuffer.
 * @throws OptimError as `loadCheckpoint` does, ERR_DTYPE for anything but bytes.
 */
export function decodeCheckpoint(bytes: Uint8Array | ArrayBufferLike, options: LoadOptions): Loaded {
  const source = sourceOf(viewOfBytes(bytes));
  const names = { damaged: "What is to be decoded", misfit: "The checkpoint" };
  return runSync(load(source, names, readLoadOptions(options, "decodeCheckpoint")))();
}
