import { OptimError } from "../../errors.ts";
import { type FloatArray, lengthOf, type NumberType, numberTypeOf, typedArrayName } from "../../numbers/typed-array.ts";
import type { StateDict } from "../../state/state-dict.ts";
import { show } from "../../values/show.ts";

/** An array as other systems' programs give it: flat, or nested as its shape is. */
export type Values = ArrayLike<number> | readonly Values[];

export type ParameterStateDict = StateDict["state"][string];

export function refuse(sentence: string): never {
  throw new OptimError("ERR_STATE", sentence);
}

/** @throws OptimError ERR_STATE for what is no object with names. */
export function takeRecord(given: unknown, what: string): Record<string, unknown> {
  if (typeof given === "object" && given !== null && !Array.isArray(given) && !typedArrayName(given)) {
    return { ...given };
  }
  return refuse(`Expected ${what} to be an object, but it is ${show(given)}.`);
}

function takeList(given: unknown, what: string): unknown[] {
  return Array.isArray(given)
    ? Array.from(given)
    : refuse(`Expected ${what} to be an array, but it is ${show(given)}.`);
}

/**
 * A state as `stateDict()` gives it, checked as far as converters go by it; whoever loads one checks the rest.
 * @throws OptimError ERR_STATE.
 */
export function takeState(given: unknown, what: string): StateDict {
  const taken = takeRecord(given, what);
  if (typeof taken.rule !== "string")
    refuse(`Expected ${what} to be that of a rule, by its name, but it is of ${show(taken.rule)}.`);
  const states = takeRecord(taken.state, `the 'state' of ${what}`);
  const paramGroups = takeList(taken.paramGroups, `the 'paramGroups' of ${what}`).map((given, i) => {
    const group = takeRecord(given, `group ${i} of ${what}`);
    const params = takeList(group.params, `the 'params' of group ${i} of ${what}`);
    const other = params.find((name) => typeof name !== "string" || !Object.hasOwn(states, name));
    if (other !== undefined || params.includes(undefined))
      refuse(`Expected ${what} to have the state of each of its parameters, but not that of ${show(other)}.`);
    return { ...group, params };
  });
  for (const [name, own] of Object.entries(states)) {
    const values = takeRecord(own, `the state of ${show(name)}`);
    for (const [slot, value] of Object.entries(values)) {
      if (typeof value === "number" || numberTypeOf(value) || Array.isArray(value)) continue;
      refuse(`Expected the ${show(slot)} of ${show(name)} to be an array or a number, but it is ${show(value)}.`);
    }
    takeStep(values.step, `the step of ${show(name)}`);
    states[name] = values;
  }
  return { ...taken, paramGroups, state: states } as unknown as StateDict;
}

/** Deeper than any shape that another system has. */
const maxDimensions = 64;

/** The numbers of a nested list, row by row. */
function flatten(list: readonly unknown[], what: string, depth = 1, into: unknown[] = []): unknown[] {
  if (depth > maxDimensions) refuse(`Expected ${what} to have at most ${maxDimensions} dimensions, but it has more.`);
  for (const value of Array.from(list)) {
    if (Array.isArray(value)) flatten(value, what, depth + 1, into);
    else into.push(value);
  }
  return into;
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
  const flat: unknown = Array.isArray(values) ? flatten(values, what) : values;
  const isList = Array.isArray(flat) && flat.every((value) => typeof value === "number");
  const ownType = numberTypeOf(flat);
  if (!isList && !ownType) return refuse(`Expected ${what} to be an array of numbers, but it is ${show(flat)}.`);
  const source = flat as ArrayLike<number>;
  const found = ownType ? lengthOf(source) : source.length;
  if (known.length !== undefined && found !== known.length) {
    refuse(`Expected ${what} to have ${known.length} elements, but it has ${found}.`);
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
    typedArrayName(value) && lengthOf(value as object) === 1 ? (value as ArrayLike<unknown>)[0] : value;
  if (typeof only === "number") return only;
  if (typeof only === "bigint" && Number.isSafeInteger(Number(only))) return Number(only);
  return refuse(`Expected ${what} to be a number, but it is ${show(only)}.`);
}

/** @throws OptimError ERR_STATE. */
export function takeStep(value: unknown, what: string): number {
  const step = takeNumber(value, what);
  if (!Number.isSafeInteger(step) || step < 0)
    refuse(`Expected ${what} to be a whole number from 0 to 2^53 - 1, but it is ${show(step)}.`);
  return step;
}
