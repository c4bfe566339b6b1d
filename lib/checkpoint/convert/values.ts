import { OptimError, show } from "../../errors.ts";
import type { StateDict } from "../../state-dict.ts";
import { type FloatArray, lengthOf, type NumberType, numberTypeOf, typedArrayName } from "../../typed-array.ts";

/** An array as other systems' programs give it: flat, or nested as its shape is. */
export type Values = ArrayLike<number> | readonly Values[];

export type ParameterStateDict = StateDict["state"][string];

export function refuse(sentence: string): never {
  throw new OptimError("ERR_STATE", sentence);
}

/** What is already known of a parameter's state arrays: those of the optimizer that is to load it. */
export function typeAndLengthOf(state: ParameterStateDict): { type?: NumberType; length?: number } {
  const array = Object.values(state).find((value) => numberTypeOf(value));
  return array ? { type: numberTypeOf(array) as NumberType, length: lengthOf(array as FloatArray) } : {};
}

/**
 * Takes an array over, to the bit.
 * @throws OptimError ERR_STATE where it is none, of another length, or has values that the type would round.
 */
export function takeArray(values: unknown, known: { type?: NumberType; length?: number }, what: string): FloatArray {
  const flat: unknown = Array.isArray(values) ? values.flat(Number.POSITIVE_INFINITY) : values;
  const isList = Array.isArray(flat) && flat.every((value) => typeof value === "number");
  const ownType = numberTypeOf(flat);
  if (!isList && !ownType)
    return refuse(`Expected ${what} to be an array of numbers, but it is ${typedArrayName(flat) ?? show(flat)}.`);
  const source = flat as ArrayLike<number>;
  if (known.length !== undefined && source.length !== known.length) {
    refuse(`Expected ${what} to have ${known.length} elements, but it has ${source.length}.`);
  }
  const type = known.type ?? ownType ?? "float32";
  const array = type === "float32" ? new Float32Array(source) : new Float64Array(source);
  for (let i = 0; i < array.length; i++) {
    if (!Object.is(array[i], source[i]) && !Number.isNaN(source[i])) {
      refuse(`Expected ${what} to have values that ${type} holds, but element ${i} is ${show(source[i])}.`);
    }
  }
  return array;
}

/**
 * A number, as it is or as an array of one.
 * @throws OptimError ERR_STATE.
 */
export function takeNumber(value: unknown, what: string): number {
  const only: unknown =
    typedArrayName(value) && (value as ArrayLike<unknown>).length === 1 ? (value as ArrayLike<unknown>)[0] : value;
  if (typeof only === "number") return only;
  if (typeof only === "bigint" && Number.isSafeInteger(Number(only))) return Number(only);
  return refuse(`Expected ${what} to be a number, but it is ${show(only)}.`);
}

/** @throws OptimError ERR_STATE. */
export function takeStep(value: unknown, what: string): number {
  const step = takeNumber(value, what);
  if (!Number.isSafeInteger(step) || step < 0)
    refuse(`Expected ${what} to be a whole number of 0 or more, but it is ${show(step)}.`);
  return step;
}
