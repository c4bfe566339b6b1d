import { OptimError } from "./errors.ts";
import {
  bufferOf,
  byteLengthOf,
  byteOffsetOf,
  bytesPerElement,
  type FloatArray,
  isShared,
  numberTypeOf,
} from "./typed-array.ts";

interface Watched {
  readonly buffer: ArrayBufferLike;
  /** The length below which one of the arrays is no longer whole, in bytes. */
  needed: number;
  readonly what: string;
}

/** Whether arrays still have their memory: one look at each distinct buffer, however many arrays it holds. */
export class Liveness {
  readonly #watched: Watched[] = [];
  readonly #byBuffer = new Map<ArrayBufferLike, Watched>();

  /** @param what Names the array in an error. */
  watch(array: FloatArray, length: number, what: string): void {
    const buffer = bufferOf(array);
    // Shared memory is never detached and never shrinks.
    if (length === 0 || isShared(buffer)) return;
    const needed = byteOffsetOf(array) + length * bytesPerElement[numberTypeOf(array) ?? "float64"];
    const watched = this.#byBuffer.get(buffer);
    if (watched) {
      watched.needed = Math.max(watched.needed, needed);
    } else {
      const entry = { buffer, needed, what };
      this.#watched.push(entry);
      this.#byBuffer.set(buffer, entry);
    }
  }

  /**
   * Runs no user code, so that what it finds holds until the caller gives control away.
   * @throws OptimError ERR_DETACHED where an array was detached, transferred or shrunk since it was watched.
   */
  check(): void {
    for (let i = 0; i < this.#watched.length; i++) {
      const { buffer, needed, what } = this.#watched[i] as Watched;
      const found = byteLengthOf(buffer, false);
      if (found < needed) {
        throw new OptimError(
          "ERR_DETACHED",
          `Expected the memory of ${what} to have ${needed} bytes as before, but it has ${found}: ` +
            `it was disposed, detached, transferred or shrunk.`,
        );
      }
    }
  }
}
