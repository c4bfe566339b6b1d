import type { Backend } from "../backends/backend.ts";
import { type GradientSource, isMade } from "../backends/source.ts";
import { OptimError } from "../errors.ts";
import { checkIntervals, type Interval, intervalOf } from "../memory/overlap.ts";
import type { StoredArray } from "../numbers/storage.ts";
import { type FloatArray, typedArrayName } from "../numbers/typed-array.ts";
import { type Checked, checkArrayOf, unchecked } from "../parameters/array.ts";
import { checkGradient, type MadeGradient, RawGradient, takeGradient } from "../parameters/gradient.ts";
import type { Entry } from "../parameters/group.ts";
import type { CheckedParameter } from "../parameters/parameter.ts";
import { checkParts, intervalsOfSource } from "../parameters/source.ts";
import { show } from "../values/show.ts";
import { hasMethod, isRecord } from "../values/values.ts";
import { didYouMean, meantKey } from "../values/words.ts";
import type { Plan, Streams } from "./plan.ts";

/** Arrays of one parameter for one call. What is left out is the parameter's own. */
export interface StepArraysOf {
  /** Read instead of the parameter's data. */
  readonly data?: FloatArray;
  /** The gradient: an array, factors, or a list of which it is the sum; null: the call skips this parameter. */
  readonly grad?: FloatArray | MadeGradient | null;
  /**
   * Written instead of what is read, which then stays as it is. A call that is skipped (`skipNonFinite`) or only
   * accumulates gradients does not write it: `lastStep.applied` tells.
   */
  readonly out?: FloatArray;
}

/** Arrays for one call by parameter name. A typed array is the gradient; null leaves the parameter out. */
export type StepArrays<N extends string = string> = Readonly<Record<string, FloatArray | StepArraysOf | null>> & {
  readonly [name in N]?: FloatArray | StepArraysOf | null;
};

const keys: readonly string[] = ["data", "grad", "out"];

const isKey = (key: string) => keys.includes(key);

const none: readonly string[] = [];

/** The arrays given for one parameter: each property read once, not checked. */
interface RawInput {
  readonly given: unknown;
  /** The names of its own properties that a step does not read. */
  readonly others: readonly string[];
  readonly data: unknown;
  readonly grad: unknown;
  readonly out: unknown;
}

const forms = "{ data, grad, out } or a gradient";

/** Reads the arrays of a call. Afterwards none of the user's code is left to run. */
export function takeInputs(given: unknown): ReadonlyMap<string, RawInput> {
  if (!isRecord(given)) {
    throw new OptimError(
      "ERR_DTYPE",
      `Expected the arrays of a step to be an object from name to ${forms}, but they are ${show(given)}.`,
    );
  }
  const inputs = new Map<string, RawInput>();
  for (const [name, arrays] of Object.entries(given)) inputs.set(name, takeInput(arrays));
  return inputs;
}

function takeInput(given: unknown): RawInput {
  const isGradient = given === null || typedArrayName(given) !== undefined;
  if (isGradient) return { given, others: none, data: undefined, grad: given, out: undefined };
  const source = (typeof given === "object" && !Array.isArray(given) ? given : {}) as StepArraysOf;
  const own = Object.keys(source);
  const others = own.every(isKey) ? none : own.filter((key) => !isKey(key));
  const { data, grad, out } = source;
  return { given, others, data, grad: takeGradient(grad), out };
}

/**
 * The entries that a call names and steps: those that are not frozen and whose gradient is not null.
 * @throws OptimError ERR_NAME for a name that no parameter has, ERR_DTYPE for an object that holds no arrays, or other
 * properties too.
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
    checkForm(input, name);
    const { grad } = input;
    const own = grad === undefined ? entry.parameter.grad : grad;
    if (own !== null && !entry.frozen) entered.set(entry, own === grad ? input : { ...input, grad: own });
  }
  return entered;
}

/** Refuses all but a gradient, or an object with arrays under the names that a step reads and no other property. */
function checkForm({ given, others, data, grad, out }: RawInput, name: string): void {
  const isEmpty = data === undefined && grad === undefined && out === undefined;
  if (others.length === 0 && !isEmpty) return;
  const refuse = (found: string): never => {
    throw new OptimError("ERR_DTYPE", `Expected the arrays of '${name}' to be ${forms}, but ${found}`);
  };
  if (hasMethod(given, "dataSync")) refuse(`they are ${show(given)}: give what its dataSync() returns.`);
  if (!isRecord(given) || others.includes("0")) refuse(`they are ${show(given)}.`);
  const [other] = others;
  if (other === undefined) refuse("the object has none of these.");
  else if (others.includes("x") || others.includes("y")) refuse("it is factors: give them as { grad: { x, y } }.");
  else refuse(`the object has ${show(other)}${didYouMean(meantKey(other, keys))}`);
}

/**
 * Checks the arrays of a call. No user code runs here.
 * @throws OptimError ERR_DTYPE, ERR_LENGTH, ERR_DETACHED or ERR_ALIASED.
 */
export function checkInputs(entered: ReadonlyMap<Entry, RawInput>, backend: Backend): (entry: Entry) => Streams {
  const streams = new Map<Entry, Streams>();
  const intervals: Interval[] = [];
  const [checkedData, checkedGrad, checkedSlot] = [unchecked(), unchecked(), unchecked()];
  for (const [entry, input] of entered) {
    const { parameter, slots } = entry;
    const { name, type, storage, length } = parameter;
    const data = (input.data === undefined ? parameter.data : input.data) as FloatArray;
    if (data === null && input.data === undefined) throw lacksData(name);
    const like = parameter.data ? undefined : "as its shape and dtype say";
    checkArrayOf(data, "data", name, type, length, checkedData, like);
    const source = sourceOf(input.grad, parameter, checkedGrad);
    const given = input.out === undefined ? data : (input.out as FloatArray);
    if (given !== data) checkArrayOf(given, "out", name, type, length);
    // Two views of one place are one array.
    const out = given !== data && length > 0 && backend.address(given) === backend.address(data) ? data : given;
    streams.set(entry, { data, out, source });
    if (length === 0) continue;
    intervals.push(intervalOf(backend, data, length, storage, out === data, "data", name));
    if (out !== data) intervals.push(intervalOf(backend, out, length, storage, true, "out", name));
    checkParts(backend, source, storage, length, name);
    intervals.push(...intervalsOfSource(backend, source, storage, length, false, name));
    for (const slot in slots) {
      const kept = slots[slot] as StoredArray;
      checkArrayOf(kept.array, slot, name, kept.storage, length, checkedSlot);
      intervals.push(intervalOf(backend, kept.array, length, kept.storage, true, slot, name));
    }
  }
  checkIntervals(intervals);
  return (entry) => streams.get(entry) as Streams;
}

/** The source of a gradient that a call has, or that the parameter has. */
function sourceOf(grad: unknown, parameter: CheckedParameter, checked: Checked): GradientSource {
  const { name, type, length, shape } = parameter;
  if (grad instanceof RawGradient) return checkGradient(grad, { name, type, length, shape }, checked);
  if (grad === parameter.grad && isMade(parameter.source as GradientSource)) return parameter.source as GradientSource;
  checkArrayOf(grad, "gradient", name, type, length, checked);
  return grad === parameter.grad ? (parameter.source as GradientSource) : { array: grad as FloatArray, storage: type };
}

function lacksData(name: string): OptimError {
  return new OptimError(
    "ERR_DTYPE",
    `Expected the data of '${name}' beside its gradient, because it has none of its own, ` +
      `but the call gives none: step({ ${JSON.stringify(name)}: { data, grad } }).`,
  );
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
      const { name, storage, length } = entry.parameter;
      if (length === 0) continue;
      const { data, source } = streamsOf(entry);
      const { zeroGrads } = group.stageOptions;
      intervals.push(intervalOf(backend, data, length, storage, false, "data", name));
      intervals.push(...intervalsOfSource(backend, source, storage, length, zeroGrads, name));
    }
  }
  checkIntervals(intervals);
}
