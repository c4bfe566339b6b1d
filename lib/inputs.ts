import type { Backend } from "./backends/backend.ts";
import type { Plan, Streams } from "./cohorts.ts";
import { OptimError, show } from "./errors.ts";
import type { Entry } from "./group.ts";
import { checkArrayOf, checkIntervals, type Interval, intervalOf } from "./parameter.ts";
import type { FloatArray } from "./typed-array.ts";

/** Arrays of one parameter for one call. What is left out is the parameter's own. */
export interface StepArraysOf {
  /** Read instead of the parameter's data. */
  readonly data?: FloatArray;
  /** The gradient; null: the call skips this parameter. */
  readonly grad?: FloatArray | null;
  /** Written instead of what is read, which then stays as it is. */
  readonly out?: FloatArray;
}

/** Arrays for one call by parameter name. */
export type StepArrays = Readonly<Record<string, StepArraysOf>>;

/** What was given for one parameter, each property read once, not checked. */
interface RawInput {
  readonly given: unknown;
  readonly data: unknown;
  readonly grad: unknown;
  readonly out: unknown;
}

/** Reads what a call was given. All user code that it may hold has run afterwards. */
export function takeInputs(given: unknown): ReadonlyMap<string, RawInput> {
  if (typeof given !== "object" || given === null) {
    throw new OptimError(
      "ERR_DTYPE",
      `Expected the arrays of a step to be an object from name to { data, grad, out }, but they are ${show(given)}.`,
    );
  }
  const inputs = new Map<string, RawInput>();
  for (const [name, arrays] of Object.entries(given)) {
    const source = (typeof arrays === "object" && arrays !== null ? arrays : {}) as StepArraysOf;
    const { data, grad, out } = source;
    inputs.set(name, { given: arrays, data, grad, out });
  }
  return inputs;
}

/**
 * The entries that a call names and steps: those that are not frozen and whose gradient is not null.
 * @throws OptimError ERR_NAME for a name that no parameter has, ERR_DTYPE for what is no object.
 */
export function enteredBy(
  inputs: ReadonlyMap<string, RawInput>,
  entries: ReadonlyMap<string, Entry>,
): ReadonlyMap<Entry, RawInput> {
  const entered = new Map<Entry, RawInput>();
  for (const [name, input] of inputs) {
    const entry = entries.get(name);
    if (!entry) {
      throw new OptimError("ERR_NAME", `Expected arrays for parameters by name, but none is named ${show(name)}.`);
    }
    const { given, grad } = input;
    if (typeof given !== "object" || given === null) {
      throw new OptimError(
        "ERR_DTYPE",
        `Expected the arrays of '${name}' to be { data, grad, out }, but they are ${show(given)}.`,
      );
    }
    const own = grad === undefined ? entry.parameter.grad : grad;
    if (own !== null && !entry.frozen) entered.set(entry, { ...input, grad: own });
  }
  return entered;
}

/**
 * Checks the arrays of a call. No user code runs here.
 * @throws OptimError ERR_DTYPE, ERR_LENGTH, ERR_DETACHED or ERR_ALIASED.
 */
export function checkInputs(entered: ReadonlyMap<Entry, RawInput>, backend: Backend): (entry: Entry) => Streams {
  const streams = new Map<Entry, Streams>();
  const intervals: Interval[] = [];
  for (const [entry, input] of entered) {
    const { parameter, slots } = entry;
    const { name, type, length } = parameter;
    const checked = (array: unknown, kind: string) => {
      checkArrayOf(array, kind, name, type, length);
      return array as FloatArray;
    };
    const data = checked(input.data === undefined ? parameter.data : input.data, "data");
    const grad = checked(input.grad, "gradient");
    const given = input.out === undefined ? data : checked(input.out, "out");
    // Two views of one place are one array.
    const out = given !== data && length > 0 && backend.address(given) === backend.address(data) ? data : given;
    streams.set(entry, { data, out, grad });
    if (length === 0) continue;
    const add = (array: FloatArray, written: boolean, kind: string) =>
      intervals.push(intervalOf(backend, array, length, type, written, kind, name));
    add(data, out === data, "data");
    if (out !== data) add(out, true, "out");
    add(grad, false, "gradient");
    for (const slot in slots) add(checked(slots[slot], slot), true, slot);
  }
  checkIntervals(intervals);
  return (entry) => streams.get(entry) as Streams;
}

/**
 * Refuses gradients that a step sets to zero and also uses for another parameter.
 * @throws OptimError ERR_ALIASED.
 */
export function checkZeroed<O extends object>(
  { cohorts }: Plan<O>,
  streamsOf: (entry: Entry) => Streams,
  backend: Backend,
): void {
  if (!cohorts.some(({ group }) => group.stageOptions.zeroGrads)) return;
  const intervals: Interval[] = [];
  for (const { group, entries } of cohorts) {
    for (const entry of entries) {
      const { name, type, length } = entry.parameter;
      if (length === 0) continue;
      const { data, grad } = streamsOf(entry);
      const { zeroGrads } = group.stageOptions;
      intervals.push(intervalOf(backend, data, length, type, false, "data", name));
      intervals.push(intervalOf(backend, grad, length, type, zeroGrads, "gradient", name));
    }
  }
  checkIntervals(intervals);
}
