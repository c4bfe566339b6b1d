import { createHash } from "node:crypto";
import { OptimError, show } from "../errors.ts";
import { showShape, sizeOf } from "../parameter.ts";
import { lengthOf } from "../typed-array.ts";
import { checksumKind, checksumName, magic, trailerLength } from "./checksum.ts";
import { type Dtype, dtypeOfArray, dtypes, encode, isDtype, part, type TensorData, tensorHasMemory } from "./dtypes.ts";
import { append, replaceFile, type Task } from "./files.ts";
import { formatHeader, maxHeaderLength, metadataKey, type TensorInfo } from "./header.ts";

/** A tensor to write. */
export interface TensorInput {
  readonly data: TensorData;
  /** Its product is the data's length. Default one dimension. */
  readonly shape?: readonly number[];
  /** How the values are written. Float32Arrays and Float64Arrays may be rounded to any of F64, F32, F16 and BF16; default as they are. */
  readonly dtype?: Dtype;
}

/** Bytes that are converted and written at a time. */
const chunkLength = 2 ** 20;

interface Checked extends TensorInfo {
  readonly data: TensorData;
}

/** @throws OptimError ERR_NAME, ERR_DTYPE, ERR_LENGTH, ERR_DETACHED. */
function checkTensor(name: string, input: TensorInput): Omit<Checked, "begin" | "end"> {
  if (name === metadataKey || name === checksumName) {
    throw new OptimError(
      "ERR_NAME",
      `Expected tensors of names that the format leaves free, but one is ${show(name)}.`,
    );
  }
  const { data, shape, dtype } = input;
  const own = dtypeOfArray(data);
  if (!own) throw new OptimError("ERR_DTYPE", `Expected ${show(name)} to be a typed array, but it is ${show(data)}.`);
  if (!tensorHasMemory(data)) {
    throw new OptimError(
      "ERR_DETACHED",
      `Expected ${show(name)} to have its memory, but it was disposed, detached, transferred or shrunk.`,
    );
  }
  const asked: unknown = dtype ?? own;
  const fits =
    isDtype(asked) &&
    (asked === own || (dtypes[asked].codec && dtypes[own].codec) || (asked === "BOOL" && own === "U8"));
  if (!fits)
    throw new OptimError(
      "ERR_DTYPE",
      `Expected ${show(name)} to be written as ${own}, but ${show(asked)} is asked for.`,
    );
  const length = lengthOf(data);
  const dimensions = shape === undefined ? [length] : shape;
  if (!Array.isArray(dimensions) || sizeOf(dimensions) !== length) {
    throw new OptimError(
      "ERR_LENGTH",
      `Expected the shape of ${show(name)} to be dimensions whose product is its ${length} elements, but it is ${showShape(dimensions)}.`,
    );
  }
  return { name, dtype: asked as Dtype, shape: [...dimensions], data };
}

/** @throws OptimError ERR_OPTION. */
export function checkMetadata(metadata: unknown): [string, string][] {
  if (metadata === undefined) return [];
  if (typeof metadata !== "object" || metadata === null || Array.isArray(metadata)) {
    throw new OptimError(
      "ERR_OPTION",
      `Expected the metadata to be an object of strings, but it is ${show(metadata)}.`,
    );
  }
  const entries: [string, unknown][] = Object.entries(metadata);
  for (const [key, value] of entries) {
    if (typeof value !== "string") {
      throw new OptimError(
        "ERR_OPTION",
        `Expected ${show(key)} of the metadata to be a string, but it is ${show(value)}.`,
      );
    }
    if (key === checksumName)
      throw new OptimError("ERR_OPTION", `Expected metadata without the key ${show(key)}, which is set here.`);
  }
  return entries as [string, string][];
}

/** Places tensors one behind the other, those of long elements first, so that each begins at a multiple of its own. */
function place(tensors: readonly Omit<Checked, "begin" | "end">[]): Checked[] {
  const sorted = [...tensors].sort((a, b) => dtypes[b.dtype].bytes - dtypes[a.dtype].bytes);
  let end = 0;
  return sorted.map((tensor) => {
    const begin = end;
    end += lengthOf(tensor.data) * dtypes[tensor.dtype].bytes;
    return { ...tensor, begin, end };
  });
}

/** Writes a file's bytes in long runs, and hashes them. */
class Writer {
  readonly hash = createHash(checksumKind);
  readonly #file: number;
  readonly #chunk = new Uint8Array(chunkLength);
  #used = 0;

  constructor(file: number) {
    this.#file = file;
  }

  *tensor({ dtype, data }: Checked): Task<void> {
    const size = dtypes[dtype].bytes;
    const length = lengthOf(data);
    for (let i = 0; i < length; ) {
      if (chunkLength - this.#used < size) yield* this.flush();
      const count = Math.min(length - i, Math.floor((chunkLength - this.#used) / size));
      encode(dtype, part(data, i, count), this.#chunk.subarray(this.#used));
      this.#used += count * size;
      i += count;
    }
  }

  *bytes(bytes: Uint8Array): Task<void> {
    for (let i = 0; i < bytes.length; ) {
      if (this.#used === chunkLength) yield* this.flush();
      const count = Math.min(bytes.length - i, chunkLength - this.#used);
      this.#chunk.set(bytes.subarray(i, i + count), this.#used);
      this.#used += count;
      i += count;
    }
  }

  *flush(): Task<void> {
    const written = this.#chunk.subarray(0, this.#used);
    this.hash.update(written);
    yield* append(this.#file, written);
    this.#used = 0;
  }
}

/** What a file is to hold, checked and in its order. */
export interface Prepared {
  readonly header: Uint8Array;
  readonly tensors: readonly Checked[];
}

/** @throws OptimError ERR_NAME, ERR_DTYPE, ERR_LENGTH, ERR_DETACHED, ERR_OPTION. */
export function prepare(
  tensors: Iterable<readonly [string, TensorInput]>,
  metadata: readonly [string, string][],
): Prepared {
  const names = new Set<string>();
  const checked = [...tensors].map(([name, tensor]) => {
    if (typeof name !== "string" || names.has(name)) {
      throw new OptimError(
        "ERR_NAME",
        `Expected each tensor to have a name of its own, but one has ${show(name)}${names.has(name) ? ", as another has" : ""}.`,
      );
    }
    names.add(name);
    return checkTensor(name, tensor);
  });
  const placed = place(checked);
  const begin = placed.at(-1)?.end ?? 0;
  const trailer: TensorInfo = {
    name: checksumName,
    dtype: "U8",
    shape: [trailerLength],
    begin,
    end: begin + trailerLength,
  };
  const header = formatHeader({
    metadata: new Map([...metadata, [checksumName, checksumKind]]),
    tensors: [...placed, trailer],
  });
  if (header.length > maxHeaderLength) {
    throw new OptimError(
      "ERR_LENGTH",
      `Expected names, shapes and metadata of at most ${maxHeaderLength} bytes, but they have ${header.length}.`,
    );
  }
  return { header, tensors: placed };
}

/** Writes what was prepared, as `replaceFile` does. */
export function write(path: string, { header, tensors }: Prepared): Task<void> {
  return replaceFile(path, function* (file) {
    const writer = new Writer(file);
    const length = new Uint8Array(8);
    new DataView(length.buffer).setBigUint64(0, BigInt(header.length), true);
    yield* writer.bytes(length);
    yield* writer.bytes(header);
    for (const tensor of tensors) yield* writer.tensor(tensor);
    yield* writer.bytes(magic);
    yield* writer.flush();
    yield* append(file, writer.hash.digest());
  });
}
