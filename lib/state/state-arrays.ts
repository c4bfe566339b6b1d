// The arrays of a state that is loaded: typed arrays, or lists of numbers, as JSON has them.

import { OptimError } from "../errors.ts";
import { type FloatArray, hasMemory, lengthOf, type NumberType, numberTypeOf } from "../numbers/typed-array.ts";
import { show } from "../values/show.ts";
import { isRecord } from "../values/values.ts";

function refuse(sentence: string): never {
  throw new OptimError("ERR_STATE", sentence);
}

/** A copy of a parameter's state with copies of its lists. The lists' own code runs here; the copies have none. */
export function takeLists(state: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(state).map(([name, value]) => [name, Array.isArray(value) ? Array.from(value) : value]),
  );
}

/**
 * Reads an array of a parameter's state. A float64 parameter takes a Float32Array too: it holds those values exactly.
 * For a float32 parameter the numbers of a list are rounded, as `Float32Array.from` does: a float32 is often written
 * with only the digits that tell it from its neighbours.
 * @param value As `takeLists` leaves it.
 * @param what The array's name in errors.
 * @throws OptimError ERR_STATE.
 */
export function readArray(value: unknown, what: string, type: NumberType, length: number): FloatArray {
  if (Array.isArray(value)) return fromList(value, what, type, length);
  const found = numberTypeOf(value);
  if (found === undefined) {
    refuse(
      `Expected ${what} to be ${type} like its parameter, or a list of numbers, but it is ${show(value)}` +
        `${isRecord(value) ? "; in JSON write Array.from(array) for a typed array, or use rmsprop/checkpoint" : ""}.`,
    );
  }
  const array = value as FloatArray;
  if (found === "float64" && type === "float32") {
    refuse(
      `Expected ${what} to be float32 like its parameter, but it is a Float64Array; Float32Array.from(array) rounds it.`,
    );
  }
  if (!hasMemory(array)) refuse(`Expected ${what} to have its memory, but it is detached.`);
  checkLength(lengthOf(array), what, length);
  return array;
}

function checkLength(found: number, what: string, length: number): void {
  if (found !== length) refuse(`Expected ${what} to have ${length} elements, but it has ${found}.`);
}

function fromList(list: readonly unknown[], what: string, type: NumberType, length: number): FloatArray {
  checkLength(list.length, what, length);
  const array = type === "float32" ? new Float32Array(length) : new Float64Array(length);
  for (let i = 0; i < length; i++) {
    const value = list[i];
    if (typeof value !== "number") {
      const hint = value === null ? ", which JSON has for NaN and infinities" : "";
      refuse(`Expected element ${i} of ${what} to be a number, but it is ${show(value)}${hint}.`);
    }
    array[i] = value;
    if (Number.isFinite(value) && !Number.isFinite(array[i])) {
      refuse(`Expected element ${i} of ${what} to be a number that ${type} holds, but it is ${show(value)}.`);
    }
  }
  return array;
}
