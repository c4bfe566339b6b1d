import { OptimError } from "../errors.ts";
import { isEngineError } from "../host.ts";
import { show } from "../values/show.ts";
import type { Source } from "./bytes.ts";
import { announcedDigest, checksumName, equal, magic, trailerLength } from "./checksum.ts";
import {
  type Dtype,
  decode,
  type Form,
  hasFloat16,
  makeArray,
  part,
  type RawDtype,
  type ReadOptions,
  readForm,
  type TensorData,
} from "./dtypes.ts";
import { maxHeaderLength, parseHeader, refuse, type TensorInfo } from "./header.ts";
import { createSha256 } from "./host.ts";
import type { Task } from "./task.ts";

/** A tensor as it is read. */
export interface Tensor {
  /** The file's own; a type that the format got later goes by its name too. */
  readonly dtype: Dtype | RawDtype | (string & {});
  /** Outermost dimension first; `[]` is one element. */
  readonly shape: readonly number[];
  /**
   * The values, row by row; F16 and BF16 as float32 unless the reader is asked for others. BOOL is there as its bytes: 0 is
   * false, and any other true, as PyTorch and NumPy read them; writers write 1. A type that has no array, such as F8_E4M3,
   * is there as its bytes in a Uint8Array.
   */
  readonly data: TensorData;
}

/** A file's tensors and its metadata. */
export interface Safetensors {
  /** The strings of the header, by name. */
  readonly metadata: Readonly<Record<string, string>>;
  /** By name, in the order of the file. */
  readonly tensors: ReadonlyMap<string, Tensor>;
}

/** The bytes that tell the length of the header. */
const lengthLength = 8;

/** Bytes that are read and converted at a time. */
const chunkLength = 2 ** 20;

type Hash = ReturnType<typeof createSha256>;

/** Reads a file's bytes in large pieces, and hashes them if asked. */
class Reader {
  readonly #source: Source;
  readonly #hash: Hash | undefined;
  readonly #chunk = new Uint8Array(chunkLength);
  #position: number;
  #begin = 0;
  #end = 0;

  constructor(source: Source, position: number, hash: Hash | undefined) {
    this.#source = source;
    this.#position = position;
    this.#hash = hash;
  }

  /** The next bytes, whole elements of them and at most `most`, until the next call. */
  *take(most: number, size: number): Task<Uint8Array> {
    if (this.#end - this.#begin < size) {
      this.#chunk.copyWithin(0, this.#begin, this.#end);
      this.#end -= this.#begin;
      this.#begin = 0;
      const read = yield* this.#source.readAt(this.#chunk.subarray(this.#end), this.#position);
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
function* bytesAt(source: Source, length: number, position: number): Task<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  if ((yield* source.readAt(bytes, position)) < length)
    refuse("Expected the file to keep its length, but it has become shorter.");
  return bytes;
}

function allocate({ name, begin, end }: TensorInfo, form: Form): TensorData {
  try {
    return makeArray(form, (end - begin) / form.bytes);
  } catch (error) {
    if (!isEngineError(error, "RangeError")) throw error;
    throw new OptimError("ERR_MEMORY", `Not enough memory for the ${end - begin} bytes of ${show(name)}.`);
  }
}

/** A file whose header has been read and checked, and nothing else yet. */
export interface Opened {
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: readonly TensorInfo[];
  /**
   * Reads the data of some tensors. All the other data is read too, for the checksum of a file that has one, but takes no
   * memory.
   */
  read(wanted: (info: TensorInfo) => boolean): Task<Safetensors>;
}

function* openSource(source: Source, options: ReadOptions): Task<Opened> {
  const size = yield* source.size();
  if (size < lengthLength) refuse(`Expected ${lengthLength} bytes or more, but it has ${size}.`);
  const start = yield* bytesAt(source, lengthLength, 0);
  const headerLength = new DataView(start.buffer).getBigUint64(0, true);
  const most = Math.min(size - lengthLength, maxHeaderLength);
  if (headerLength > most) refuse(`Expected its header to have at most ${most} bytes, but it says ${headerLength}.`);
  const headerBytes = yield* bytesAt(source, Number(headerLength), lengthLength);
  const dataBegin = lengthLength + Number(headerLength);
  const header = parseHeader(headerBytes, size - dataBegin);
  const trailer = yield* bytesAt(
    source,
    Math.min(trailerLength, size - dataBegin),
    Math.max(size - trailerLength, dataBegin),
  );
  const digest = announcedDigest(header, trailer);
  const infos = digest ? header.tensors.slice(0, -1) : header.tensors;
  const metadata = Object.fromEntries([...header.metadata].filter(([key]) => !digest || key !== checksumName));

  function* read(wanted: (info: TensorInfo) => boolean): Task<Safetensors> {
    const hash = digest && createSha256().update(start).update(headerBytes);
    const tensors = new Map<string, Tensor>();
    let reader = new Reader(source, dataBegin, hash);
    let position = 0;
    for (const info of infos) {
      const { name, dtype, shape, begin, end } = info;
      const form = readForm(dtype, options);
      const data = wanted(info) ? allocate(info, form) : undefined;
      if (!data && !hash) continue;
      if (position !== begin) reader = new Reader(source, dataBegin + begin, hash);
      for (let at = begin; at < end; ) {
        const bytes = yield* reader.take(end - at, form.bytes);
        if (data) decode(form, bytes, part(data, (at - begin) / form.bytes, bytes.length / form.bytes));
        at += bytes.length;
      }
      position = end;
      if (data) tensors.set(name, { dtype, shape, data });
    }
    if (digest && !equal((hash as Hash).update(magic).digest(), digest)) {
      refuse("Expected its checksum to be that of its bytes, but it is another.");
    }
    return { metadata, tensors };
  }
  return { metadata, tensors: infos, read };
}

/** Runs work that reads, and names the bytes in its refusals. */
function* naming<T>(what: string, task: Task<T>): Task<T> {
  try {
    return yield* task;
  } catch (error) {
    if (!(error instanceof OptimError) || error.code !== "ERR_CHECKPOINT") throw error;
    throw new OptimError("ERR_CHECKPOINT", `${what} is damaged or not of the safetensors format. ${error.message}`);
  }
}

/**
 * Reads and checks the header of a file.
 * @param what The bytes' name in errors.
 */
export function* open(source: Source, what: string, options: ReadOptions = {}): Task<Opened> {
  const opened = yield* naming(what, openSource(source, options));
  return { ...opened, read: (wanted) => naming(what, opened.read(wanted)) };
}

/** Reads all of a file. */
export function* read(source: Source, what: string, options: ReadOptions): Task<Safetensors> {
  return yield* (yield* open(source, what, options)).read(() => true);
}

const readChoices = {
  f16: ["Float32Array", "Float16Array", "Uint16Array"],
  bf16: ["Float32Array", "Uint16Array"],
} as const;

/** @throws OptimError ERR_OPTION. */
export function checkReadOptions(given: unknown): ReadOptions {
  if (given === undefined) return {};
  if (typeof given !== "object" || given === null) {
    throw new OptimError(
      "ERR_OPTION",
      `Expected the options of a reader to be { f16, bf16 }, but it is ${show(given)}.`,
    );
  }
  const options = { ...given } as Record<string, unknown>;
  for (const [name, value] of Object.entries(options)) {
    const choices: readonly string[] | undefined = Object.hasOwn(readChoices, name)
      ? readChoices[name as keyof typeof readChoices]
      : undefined;
    if (!choices) throw new OptimError("ERR_OPTION", `A reader has no option ${show(name)}; it has f16, bf16.`);
    if (value === undefined) continue;
    if (!choices.includes(value as string)) {
      const known = choices.map((choice) => `"${choice}"`).join(", ");
      throw new OptimError("ERR_OPTION", `Expected '${name}' to be one of ${known}, but it is ${show(value)}.`);
    }
    if (value === "Float16Array" && !hasFloat16) {
      throw new OptimError(
        "ERR_OPTION",
        `Expected '${name}' to be a class that this runtime has, but it has no Float16Array; "Uint16Array" gives the codes.`,
      );
    }
  }
  return options as ReadOptions;
}
