import { ByteSink, type OwnBytes, sourceOf, viewOfBytes } from "./bytes.ts";
import type { ReadOptions } from "./dtypes.ts";
import { checkReadOptions, read, type Safetensors } from "./read.ts";
import { runSync } from "./task.ts";
import { checkMetadata, type Prepared, prepare, type TensorInput, write } from "./write.ts";

/** The bytes of a file in memory. */
export function bytesOfFile(prepared: Prepared): OwnBytes {
  const sink = new ByteSink(prepared.length);
  runSync(write(prepared, sink));
  return sink.bytes;
}

/**
 * The bytes that `writeSafetensors` writes to a file, in memory: for browsers, requests, databases.
 * @param tensors Names with tensors: a Map, or `Object.entries`.
 * @param metadata Strings by name, for the header.
 * @throws OptimError ERR_NAME, ERR_DTYPE, ERR_LENGTH, ERR_DETACHED, ERR_OPTION, ERR_MEMORY.
 */
export function encodeSafetensors(
  tensors: Iterable<readonly [string, TensorInput]>,
  metadata?: Readonly<Record<string, string>>,
): OwnBytes {
  return bytesOfFile(prepare(tensors, checkMetadata(metadata)));
}

/**
 * Reads a file as `readSafetensors` does, from its bytes in memory; the tensors are copies.
 * @param bytes All of a file, as a Uint8Array or an ArrayBuffer.
 * @param options The arrays that 16-bit floats are read into, as for `readSafetensors`.
 * @throws OptimError ERR_CHECKPOINT where they are damaged or of another format, ERR_DTYPE, ERR_DETACHED, ERR_OPTION,
 * ERR_MEMORY.
 */
export function decodeSafetensors(bytes: Uint8Array | ArrayBufferLike, options?: ReadOptions): Safetensors {
  const source = sourceOf(viewOfBytes(bytes));
  return runSync(read(source, "What is to be decoded", checkReadOptions(options)));
}
