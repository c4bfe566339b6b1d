import { OptimError } from "../errors.ts";
import { memoryOf } from "../memory/memory.ts";
import { bufferOf, lengthOf, typedArrayName } from "../numbers/typed-array.ts";
import { showShape, sizeOf } from "../parameters/shape.ts";
import { show } from "../values/show.ts";
import { nearest } from "../values/words.ts";
import type { Sink } from "./bytes.ts";
import { checksumKind, checksumName, magic, trailerLength } from "./checksum.ts";
import {
  bitsOf,
  type Dtype,
  dtypeOfArray,
  encode,
  type Form,
  part,
  type RawDtype,
  type TensorData,
  tensorHasMemory,
  writeForm,
} from "./dtypes.ts";
import { formatHeader, maxHeaderLength, metadataKey, type TensorInfo } from "./header.ts";
import { createSha256 } from "./host.ts";
import type { Task } from "./task.ts";

/** A tensor to write. */
export interface TensorInput {
  /** The values, row by row. */
  readonly data: TensorData;
  /** Its product is the number of elements. Default one dimension. */
  readonly shape?: readonly number[] | undefined;
  /**
   * The number type that the values are written in; default their own. Floats of all sizes may be rounded to any of
   * F64, F32, F16 and BF16. A Uint16Array may hold the codes of F16 or BF16; a Uint8Array the bytes of a type that has
   * no array, F8_E4M3 for one, or of BOOL: 0 for false, 1 for true, and another byte, which readers take for true, as
   * it is.
   */
  readonly dtype?: Dtype | RawDtype | (string & {}) | undefined;
}

/** Bytes that are converted and written at a time. */
const chunkLength = 2 ** 20;

interface Checked extends TensorInfo {
  readonly data: TensorData;
  readonly length: number;
  readonly form: Form;
}

/** @throws OptimError ERR_DETACHED where an array no longer has the memory that it had when it was checked. */
function checkMemory(name: string, data: TensorData, length: number): void {
  const memory = memoryOf(bufferOf(data));
  if (tensorHasMemory(data) && lengthOf(data) === length && !memory?.disposed) return;
  throw new OptimError(
    "ERR_DETACHED",
    `Expected ${show(name)} to have its memory until it is written, but it was disposed, detached, transferred, or made ` +
      "shorter or longer.",
  );
}

/** @throws OptimError ERR_NAME, ERR_DTYPE, ERR_LENGTH, ERR_DETACHED. */
function checkTensor(name: string, input: unknown): Omit<Checked, "begin" | "end"> {
  if (name === metadataKey || name === checksumName) {
    throw new OptimError(
      "ERR_NAME",
      `Expected tensors of names that the format leaves free, but one is ${show(name)}.`,
    );
  }
  if (typeof input !== "object" || input === null || typedArrayName(input) !== undefined) {
    throw new OptimError(
      "ERR_DTYPE",
      `Expected the tensor ${show(name)} to be { data, shape, dtype }, but it is ${show(input)}.`,
    );
  }
  const { data, shape: given, dtype } = input as Partial<TensorInput>;
  checkSpelling(name, input, { data, shape: given, dtype });
  const shape: unknown = Array.isArray(given) ? Array.from(given) : given;
  const own = dtypeOfArray(data);
  if (!own || data === undefined)
    throw new OptimError("ERR_DTYPE", `Expected ${show(name)} to be a typed array, but it is ${show(data)}.`);
  const length = lengthOf(data);
  checkMemory(name, data, length);
  const asked: unknown = dtype ?? own;
  const form = writeForm(own, asked);
  if (!form)
    throw new OptimError(
      "ERR_DTYPE",
      `Expected ${show(name)} to be written as ${own}, but ${show(asked)} is asked for.`,
    );
  // Of types that have no array several elements may lie in a byte.
  const bits = bitsOf(asked as string) as number;
  const elements = (length * form.bytes * 8) / bits;
  if (!Number.isInteger(elements)) {
    throw new OptimError(
      "ERR_LENGTH",
      `Expected ${show(name)} to have whole elements of ${asked}, which have ${bits} bits, but it has ${length} bytes.`,
    );
  }
  const dimensions = shape === undefined ? [elements] : shape;
  if (!Array.isArray(dimensions) || sizeOf(dimensions) !== elements) {
    throw new OptimError(
      "ERR_LENGTH",
      `Expected the shape of ${show(name)} to be dimensions whose product is its ${elements} elements, but it is ${showShape(dimensions)}.`,
    );
  }
  return { name, dtype: asked as string, shape: dimensions as number[], data, length, form };
}

/**
 * Refuses a misspelt property of a tensor, where the property that is meant is left out. Other properties are the
 * user's: parameters, which can be written too, may have some.
 */
function checkSpelling(name: string, input: object, read: object): void {
  const lacking = Object.entries(read).flatMap(([key, value]) => (value === undefined ? [key] : []));
  if (lacking.length === 0) return;
  for (const key of Object.keys(input)) {
    const meant = Object.hasOwn(read, key) ? undefined : nearest(key, lacking);
    if (meant === undefined) continue;
    throw new OptimError(
      "ERR_DTYPE",
      `Expected the tensor ${show(name)} to be { data, shape, dtype }, but it has ${show(key)}: did you mean '${meant}'?`,
    );
  }
}

/** @throws OptimError ERR_OPTION. */
export function checkMetadata(metadata: unknown): [string, string][] {
  if (metadata === undefined) return [];
  // A Map, as tensors may be given in, has no properties to be written.
  if (typeof metadata !== "object" || metadata === null || Symbol.iterator in metadata) {
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
  const bits = ({ dtype }: { dtype: string }) => bitsOf(dtype) as number;
  const sorted = [...tensors].sort((a, b) => bits(b) - bits(a));
  let end = 0;
  return sorted.map((tensor) => {
    const begin = end;
    end += tensor.length * tensor.form.bytes;
    return { ...tensor, begin, end };
  });
}

/** Writes a file's bytes in large pieces, and hashes them. */
class Writer {
  readonly hash = createSha256();
  readonly #sink: Sink;
  readonly #chunk = new Uint8Array(chunkLength);
  #used = 0;

  constructor(sink: Sink) {
    this.#sink = sink;
  }

  *tensor({ name, form, length, data }: Checked): Task<void> {
    const size = form.bytes;
    for (let i = 0; i < length; ) {
      if (chunkLength - this.#used < size) yield* this.flush();
      const count = Math.min(length - i, Math.floor((chunkLength - this.#used) / size));
      // Other code ran since the last part was taken, and before the first.
      checkMemory(name, data, length);
      encode(form, part(data, i, count), this.#chunk.subarray(this.#used));
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
    yield* this.#sink.append(written);
    this.#used = 0;
  }
}

/** The contents of a file, checked and in their order. */
export interface Prepared {
  readonly header: Uint8Array;
  readonly tensors: readonly Checked[];
  /** The file's length in bytes. */
  readonly length: number;
}

/** @throws OptimError ERR_DTYPE. */
function listTensors(given: unknown): unknown[][] {
  if (typeof given !== "object" || given === null || !(Symbol.iterator in given)) {
    throw new OptimError(
      "ERR_DTYPE",
      `Expected the tensors as a Map or as Object.entries(…), names with { data }, but it is ${show(given)}.`,
    );
  }
  return [...(given as Iterable<unknown>)].map((pair, i) => {
    if (Array.isArray(pair) && pair.length === 2) return pair;
    throw new OptimError("ERR_DTYPE", `Expected tensor ${i} to be [name, { data }], but it is ${show(pair)}.`);
  });
}

/** @throws OptimError ERR_NAME, ERR_DTYPE, ERR_LENGTH, ERR_DETACHED, ERR_OPTION. */
export function prepare(
  tensors: Iterable<readonly [string, TensorInput]>,
  metadata: readonly [string, string][],
): Prepared {
  const names = new Set<string>();
  const checked = listTensors(tensors).map(([name, tensor]) => {
    const isTwice = names.has(name as string);
    if (typeof name !== "string" || isTwice) {
      throw new OptimError(
        "ERR_NAME",
        `Expected each tensor to have a name of its own, but one has ${show(name)}${isTwice ? ", as another has" : ""}.`,
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
  return { header, tensors: placed, length: 8 + header.length + trailer.end };
}

/** Writes the prepared contents. */
export function* write({ header, tensors }: Prepared, sink: Sink): Task<void> {
  const writer = new Writer(sink);
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(header.length), true);
  yield* writer.bytes(length);
  yield* writer.bytes(header);
  for (const tensor of tensors) yield* writer.tensor(tensor);
  yield* writer.bytes(magic);
  yield* writer.flush();
  yield* sink.append(writer.hash.digest());
}
