import { createHash, type Hash } from "node:crypto";
import { OptimError, show } from "../errors.ts";
import { announcedDigest, checksumKind, checksumName, equal, magic, trailerLength } from "./checksum.ts";
import { type Dtype, decode, dtypes, part, type TensorData } from "./dtypes.ts";
import { readAt, sizeOfFile, type Task, withFile } from "./files.ts";
import { maxHeaderLength, parseHeader, refuse, type TensorInfo } from "./header.ts";

/** A tensor as it is read. */
export interface Tensor {
  readonly dtype: Dtype;
  /** Outermost dimension first; `[]` is one element. */
  readonly shape: readonly number[];
  /** The values, row by row; F16 and BF16 as float32, BOOL as 0 and 1. */
  readonly data: TensorData;
}

/** A file's tensors and its metadata. */
export interface Safetensors {
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: ReadonlyMap<string, Tensor>;
}

/** The bytes that tell the length of the header. */
const lengthLength = 8;

/** Bytes that are read and converted at a time. */
const chunkLength = 2 ** 20;

/** Reads a file's bytes in long runs, and hashes them if asked. */
class Reader {
  readonly #file: number;
  readonly #hash: Hash | undefined;
  readonly #chunk = new Uint8Array(chunkLength);
  #position: number;
  #begin = 0;
  #end = 0;

  constructor(file: number, position: number, hash: Hash | undefined) {
    this.#file = file;
    this.#position = position;
    this.#hash = hash;
  }

  /** The next bytes, whole elements of them and at most `most`, until the next call. */
  *take(most: number, size: number): Task<Uint8Array> {
    if (this.#end - this.#begin < size) {
      this.#chunk.copyWithin(0, this.#begin, this.#end);
      this.#end -= this.#begin;
      this.#begin = 0;
      const read = yield* readAt(this.#file, this.#chunk.subarray(this.#end), this.#position);
      this.#position += read;
      this.#end += read;
      if (this.#end < size) refuse(`Expected ${most} more bytes, but the file has become shorter.`);
    }
    const available = this.#end - this.#begin;
    const taken = Math.min(most, available - (available % size));
    const bytes = this.#chunk.subarray(this.#begin, this.#begin + taken);
    this.#hash?.update(bytes);
    this.#begin += taken;
    return bytes;
  }
}

/** Bytes at a place in a file, all of them. */
function* bytesAt(file: number, length: number, position: number): Task<Uint8Array> {
  const bytes = new Uint8Array(length);
  if ((yield* readAt(file, bytes, position)) < length)
    refuse("Expected the file to keep its length, but it has become shorter.");
  return bytes;
}

function allocate({ name, dtype, begin, end }: TensorInfo): TensorData {
  const { ArrayType, bytes } = dtypes[dtype];
  try {
    return new ArrayType((end - begin) / bytes);
  } catch {
    throw new OptimError(
      "ERR_MEMORY",
      `Expected memory for the ${end - begin} bytes of ${show(name)}, but there is not so much.`,
    );
  }
}

function* readFile(file: number): Task<Safetensors> {
  const size = yield* sizeOfFile(file);
  if (size < lengthLength) refuse(`Expected ${lengthLength} bytes or more, but it has ${size}.`);
  const start = yield* bytesAt(file, lengthLength, 0);
  const headerLength = new DataView(start.buffer).getBigUint64(0, true);
  const most = Math.min(size - lengthLength, maxHeaderLength);
  if (headerLength > most) refuse(`Expected its header to have at most ${most} bytes, but it says ${headerLength}.`);
  const headerBytes = yield* bytesAt(file, Number(headerLength), lengthLength);
  const dataBegin = lengthLength + Number(headerLength);
  const header = parseHeader(headerBytes, size - dataBegin);
  const trailer = yield* bytesAt(
    file,
    Math.min(trailerLength, size - dataBegin),
    Math.max(size - trailerLength, dataBegin),
  );
  const digest = announcedDigest(header, trailer);

  const hash = digest && createHash(checksumKind).update(start).update(headerBytes);
  const reader = new Reader(file, dataBegin, hash);
  const tensors = new Map<string, Tensor>();
  for (const info of digest ? header.tensors.slice(0, -1) : header.tensors) {
    const { name, dtype, shape, begin, end } = info;
    const data = allocate(info);
    const element = dtypes[dtype].bytes;
    for (let at = begin; at < end; ) {
      const bytes = yield* reader.take(end - at, element);
      decode(dtype, bytes, part(data, (at - begin) / element, bytes.length / element));
      at += bytes.length;
    }
    tensors.set(name, { dtype, shape, data });
  }
  if (digest && !equal((hash as Hash).update(magic).digest(), digest)) {
    refuse("Expected its checksum to be that of its bytes, but it is another.");
  }
  const metadata = Object.fromEntries([...header.metadata].filter(([key]) => !digest || key !== checksumName));
  return { metadata, tensors };
}

/** Reads a file, and names it in what it refuses. */
export function* read(path: string): Task<Safetensors> {
  try {
    return yield* withFile(path, readFile);
  } catch (error) {
    if (!(error instanceof OptimError) || error.code !== "ERR_CHECKPOINT") throw error;
    throw new OptimError(
      "ERR_CHECKPOINT",
      `The file ${JSON.stringify(path)} is damaged or not of the safetensors format. ${error.message}`,
    );
  }
}
