/**
 * Files in the safetensors format: the header's length as 8 bytes, little-endian; the header, JSON from name to dtype,
 * shape and place; the data, without gaps.
 */
import { pathOf, runAsync, runSync } from "./files.ts";
import { read, type Safetensors } from "./read.ts";
import { checkMetadata, prepare, type TensorInput, write } from "./write.ts";

/**
 * Writes tensors to a file, so that a crash leaves the old file or the new one: it is written under another name in the
 * same folder, synced, and renamed, and the folder is synced. Every NaN is written as one NaN.
 * @param path A path or a file URL.
 * @param tensors Names with tensors: a Map, or `Object.entries`.
 * @param metadata Strings by name, for the header.
 * @throws OptimError ERR_NAME, ERR_DTYPE, ERR_LENGTH, ERR_DETACHED or ERR_OPTION, before a file is made; what the file
 * system says, such as ENOSPC, when the old file is still there.
 */
export function writeSafetensors(
  path: string | URL,
  tensors: Iterable<readonly [string, TensorInput]>,
  metadata?: Readonly<Record<string, string>>,
): void {
  runSync(write(pathOf(path), prepare(tensors, checkMetadata(metadata))));
}

/** `writeSafetensors` off the event loop. The arrays are read as it writes: they must not change until it is done. */
export async function writeSafetensorsAsync(
  path: string | URL,
  tensors: Iterable<readonly [string, TensorInput]>,
  metadata?: Readonly<Record<string, string>>,
): Promise<void> {
  await runAsync(write(pathOf(path), prepare(tensors, checkMetadata(metadata))));
}

/**
 * Reads a file of the safetensors format, by any writer. All of it is checked: the header's length, its JSON, dtypes,
 * shapes and offsets, and the checksum if it was written here. It takes memory for the tensors once, and 1 MiB.
 * @throws OptimError ERR_CHECKPOINT where the file is damaged, ERR_MEMORY; what the file system says, such as ENOENT.
 */
export function readSafetensors(path: string | URL): Safetensors {
  return runSync(read(pathOf(path)));
}

/** `readSafetensors` off the event loop. */
export async function readSafetensorsAsync(path: string | URL): Promise<Safetensors> {
  return runAsync(read(pathOf(path)));
}
