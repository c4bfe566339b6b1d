import { OptimError } from "../errors.ts";
import { isEngineError } from "../host.ts";
import { bufferOf, byteLengthOf, byteOffsetOf, lengthOf, typedArrayName } from "../numbers/typed-array.ts";
import { show } from "../values/show.ts";
import { call, type Task } from "./task.ts";

/** The reader of a file's bytes. */
export interface Source {
  /** The number of bytes. */
  size(): Task<number>;
  /** Fills `bytes` with those from a place on. Returns their number, less at the end. */
  readAt(bytes: Uint8Array, position: number): Task<number>;
}

/** The writer of a file's bytes, each piece behind the last. */
export interface Sink {
  append(bytes: Uint8Array): Task<void>;
}

/** Whether a value is an ArrayBuffer or a SharedArrayBuffer, of any realm. */
function isBuffer(value: unknown): value is ArrayBufferLike {
  if (typeof value !== "object" || value === null) return false;
  return [false, true].some((shared) => {
    try {
      byteLengthOf(value as ArrayBufferLike, shared); // throws a TypeError for any other value
      return true;
    } catch (error) {
      if (!isEngineError(error, "TypeError")) throw error;
      return false;
    }
  });
}

/**
 * A view of the bytes that a caller gave, made without running code of theirs.
 * @throws OptimError ERR_DTYPE, ERR_DETACHED.
 */
export function viewOfBytes(given: unknown): Uint8Array {
  const isBytes = typedArrayName(given) === "Uint8Array";
  if (!isBytes && !isBuffer(given)) {
    throw new OptimError(
      "ERR_DTYPE",
      `Expected the bytes of a file as a Uint8Array or an ArrayBuffer, but it is ${show(given)}.`,
    );
  }
  try {
    if (!isBytes) return new Uint8Array(given as ArrayBufferLike);
    const bytes = given as Uint8Array;
    return new Uint8Array(bufferOf(bytes), byteOffsetOf(bytes), lengthOf(bytes));
  } catch (error) {
    if (!isEngineError(error, "TypeError")) throw error;
    throw new OptimError("ERR_DETACHED", "Expected the bytes of a file to have their memory, but it was detached.");
  }
}

export function sourceOf(bytes: Uint8Array): Source {
  return {
    size: () => call(() => bytes.length),
    readAt: (target, position) =>
      call(() => {
        const found = bytes.subarray(position, position + target.length);
        target.set(found);
        return found.length;
      }),
  };
}

/** Bytes in an ArrayBuffer, not a shared one. Named so, because TypeScript before 5.7 has no `Uint8Array<ArrayBuffer>`. */
export type OwnBytes = ReturnType<Uint8ArrayConstructor["from"]>;

/** Bytes in memory that a file is written to. */
export class ByteSink implements Sink {
  readonly #bytes: OwnBytes;
  #used = 0;

  /** @throws OptimError ERR_MEMORY. */
  constructor(length: number) {
    try {
      this.#bytes = new Uint8Array(length);
    } catch (error) {
      if (!isEngineError(error, "RangeError")) throw error;
      throw new OptimError("ERR_MEMORY", `Not enough memory for the ${length} bytes of the file.`);
    }
  }

  append(bytes: Uint8Array): Task<void> {
    return call(() => {
      this.#bytes.set(bytes, this.#used);
      this.#used += bytes.length;
    });
  }

  get bytes(): OwnBytes {
    return this.#bytes;
  }
}
