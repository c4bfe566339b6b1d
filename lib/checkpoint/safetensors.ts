/**
 * Files in the safetensors format: the header's length as 8 bytes, little-endian; the header, JSON from name to dtype,
 * shape and place; the data, without gaps.
 */
import type { ReadOptions } from "./dtypes.ts";
import { named, pathOf, replaceFile, withSource } from "./files.ts";
import { checkReadOptions, read, type Safetensors } from "./read.ts";
import { runAsync, runSync, type Task } from "./task.ts";
import { checkMetadata, prepare, type TensorInput, write } from "./write.ts";

function writing(given: unknown, tensors: Iterable<readonly [string, TensorInput]>, metadata: unknown): Task<void> {
  const path = pathOf(given);
  const prepared = prepare(tensors, checkMetadata(metadata));
  return replaceFile(path, (sink) => write(prepared, sink));
}

function reading(given: unknown, options: unknown): Task<Safetensors> {
  const path = pathOf(given);
  const checked = checkReadOptions(options);
  return withSource(path, (source) => read(source, named("file", path), checked));
}

/**
 * Writes tensors to a file, so that a crash leaves the old file or the new one: it is written under another name in the
 * same folder, synced, and renamed, and the folder is synced. Every NaN is written as one NaN.
 * @param path A path or a file URL. A symbolic link goes on pointing where it does.
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
  runSync(writing(path, tensors, metadata));
}

/**
 * `writeSafetensors` off the event loop. The arrays are read as it writes: they must not change until it is done. Where one
 * loses its memory or gets another length it rejects with ERR_DETACHED, and the old file is still there.
 */
export async function writeSafetensorsAsync(
  path: string | URL,
  tensors: Iterable<readonly [string, TensorInput]>,
  metadata?: Readonly<Record<string, string>>,
): Promise<void> {
  await runAsync(writing(path, tensors, metadata));
}

/**
 * Reads a file of the safetensors format, by any writer. All of it is checked: the header's length, its JSON, dtypes,
 * shapes and offsets, and the checksum if it was written here. It takes memory for the tensors once, and 1 MiB.
 * @param options The arrays that 16-bit floats are read into: `{ f16: "Float16Array" }`, `{ f16: "Uint16Array", bf16:
 * "Uint16Array" }`; default Float32Arrays.
 * @throws OptimError ERR_CHECKPOINT where the file is damaged, ERR_OPTION where it is no ordinary file, ERR_MEMORY;
 * what the file system says, such as ENOENT.
 */
export function readSafetensors(path: string | URL, options?: ReadOptions): Safetensors {
  return runSync(reading(path, options));
}

/** `readSafetensors` off the event loop. */
export async function readSafetensorsAsync(path: string | URL, options?: ReadOptions): Promise<Safetensors> {
  return runAsync(reading(path, options));
}
