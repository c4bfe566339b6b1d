import { OptimError } from "../errors.ts";
import { memoryOf } from "../memory/memory.ts";
import {
  bufferOf,
  canResize,
  type FloatArray,
  hasMemory,
  isLengthTracking,
  lengthOf,
  type NumberType,
  numberTypeOf,
} from "../numbers/typed-array.ts";
import { show } from "../values/show.ts";
import { hasMethod } from "../values/values.ts";

/**
 * The buffer of the array that was checked last, if it cannot be resized. Then another array over it has its memory
 * too, and a fixed length. That holds as long as no user code runs.
 */
export interface Checked {
  buffer: ArrayBufferLike | undefined;
}

export const unchecked = (): Checked => ({ buffer: undefined });

/** @returns The array's number type. No user code runs here. */
export function checkArray(array: unknown, kind: string, name: string, checked: Checked): NumberType {
  const type = numberTypeOf(array);
  if (!type) {
    const types = kind === "gradient" ? "a Float32Array, a Float64Array or null" : "a Float32Array or a Float64Array";
    const hint = hasMethod(array, "dataSync") ? ", whose dataSync() gives one." : ".";
    throw new OptimError(
      "ERR_DTYPE",
      `Expected the ${kind} of '${name}' to be ${types}, but it is ${show(array)}${hint}`,
    );
  }
  const floats = array as FloatArray;
  const buffer = bufferOf(floats);
  if (buffer === checked.buffer) return type;
  if (!hasMemory(floats) || memoryOf(buffer)?.disposed) {
    throw new OptimError(
      "ERR_DETACHED",
      `Expected the ${kind} of '${name}' to have its memory, but it was disposed, detached, transferred or shrunk.`,
    );
  }
  if (isLengthTracking(floats)) {
    throw new OptimError(
      "ERR_LENGTH",
      `Expected the ${kind} of '${name}' to have a fixed length, ` +
        "but it follows the length of its resizable buffer; give the view a length.",
    );
  }
  checked.buffer = canResize(buffer) ? undefined : buffer;
  return type;
}

/**
 * Checks an array that goes with a parameter's data. No user code runs here.
 * @param like The sentence's words for where the type and the length come from.
 * @throws OptimError ERR_DTYPE, ERR_LENGTH or ERR_DETACHED.
 */
export function checkArrayOf(
  array: unknown,
  kind: string,
  name: string,
  type: NumberType,
  length: number,
  checked: Checked = unchecked(),
  like = "like its data",
): void {
  const foundType = checkArray(array, kind, name, checked);
  if (foundType !== type) {
    throw new OptimError(
      "ERR_DTYPE",
      `Expected the ${kind} of '${name}' to be ${type} ${like}, but it is ${foundType}.`,
    );
  }
  const foundLength = lengthOf(array as FloatArray);
  if (foundLength !== length) {
    throw new OptimError(
      "ERR_LENGTH",
      `Expected the ${kind} of '${name}' to have ${length} elements ${like}, but it has ${foundLength}.`,
    );
  }
}
