import { OptimError } from "../errors.ts";
import type { FloatArray } from "../numbers/typed-array.ts";
import type { CheckedParameter, Parameter, PlacedParameter } from "../parameters/parameter.ts";
import { showShape, sizeOf } from "../parameters/shape.ts";
import { beforeLoad } from "../state/partial-state.ts";
import type { StateDict, Unmatched } from "../state/state-dict.ts";
import { show } from "../values/show.ts";
import type { Source } from "./bytes.ts";
import {
  checkOptimizer,
  checkOptions,
  checkPlaces,
  format,
  formatKey,
  optimizerKey,
  readParameters,
  reserved,
  type StatefulOptimizer,
  statePrefix,
  tensorName,
} from "./checkpoint-format.ts";
import { decodedType } from "./dtypes.ts";
import { refuse, type TensorInfo } from "./header.ts";
import { parseJson } from "./json.ts";
import { ownName } from "./names.ts";
import { type Opened, open, type Safetensors, type Tensor } from "./read.ts";
import type { Task } from "./task.ts";

/** What is filled from a checkpoint. */
export interface LoadOptions {
  /** The parameters to fill: all those of the file, by name. */
  readonly parameters: Iterable<Parameter>;
  /** Its state and options are replaced by those of the file. Without it those of the file are ignored. */
  readonly optimizer?: StatefulOptimizer | undefined;
  /**
   * Whether what does not fit is left out and listed: parameters that one of the two lacks, or that have another shape or
   * number type, and with them their state; options of groups that do not fit. Default false: all must fit.
   */
  readonly partial?: boolean | undefined;
}

/**
 * The metadata of a checkpoint, and the parts that were not loaded. Parameters are listed by the names of their
 * tensors, and parts of an optimizer by their paths: `optimizer.state.w`, `optimizer.paramGroups[0]`,
 * `optimizer.lossScale`. Both lists are empty without `partial`.
 */
export interface Loaded extends Unmatched {
  /** The metadata it was saved with. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** The options of a load, checked. */
interface Asked {
  readonly parameters: readonly PlacedParameter[];
  readonly optimizer: StatefulOptimizer | undefined;
  readonly partial: boolean;
}

/** @throws OptimError ERR_OPTION, and as for parameters. */
export function readLoadOptions(options: LoadOptions, owner: string): Asked {
  checkOptions(options, ["parameters", "optimizer", "partial"], owner);
  const { parameters, optimizer, partial = false } = options;
  if (typeof partial !== "boolean") {
    throw new OptimError("ERR_OPTION", `Expected 'partial' to be true or false, but it is ${show(partial)}.`);
  }
  return { parameters: readParameters(parameters), optimizer: checkOptimizer(optimizer), partial };
}

/** The tensors of a file to read, and their receivers. */
interface Match {
  readonly isOurs: boolean;
  /** By the names of their tensors. */
  readonly fills: ReadonlyMap<string, PlacedParameter>;
  /** The tensors of states, and the rest of the optimizer's state. */
  readonly slots: ReadonlySet<string>;
  readonly rest: object | undefined;
  readonly missing: readonly string[];
  readonly unexpected: readonly string[];
}

/** The reason why a tensor's values cannot be a parameter's; undefined where they can. */
function misfit({ name, shape, length, type }: CheckedParameter, tensor: TensorInfo | undefined): string | undefined {
  if (!tensor) return `Expected a tensor of the parameter ${show(name)}, but there is none.`;
  const decoded = decodedType(tensor.dtype);
  if (!decoded || (decoded === "float64" && type === "float32")) {
    return `Expected ${show(name)} to have values that ${type} holds, but they are ${tensor.dtype}.`;
  }
  const fits = shape ? sameShape(shape, tensor.shape) : sizeOf(tensor.shape) === length;
  if (fits) return undefined;
  return `Expected ${show(name)} to have the shape ${showShape(shape ?? [length])}, but it has ${showShape(tensor.shape)}.`;
}

const sameShape = (a: readonly number[], b: readonly number[]) =>
  a.length === b.length && a.every((dimension, i) => dimension === b[i]);

/** Compares a file's header with the options of the load, before any data is read. */
function match({ metadata, tensors }: Opened, { parameters, optimizer, partial }: Asked): Match {
  const isOurs = Object.hasOwn(metadata, formatKey);
  if (isOurs && metadata[formatKey] !== format) {
    refuse(`Expected a checkpoint of the version ${format}, but it is of ${show(metadata[formatKey])}.`);
  }
  const missing: string[] = [];
  const left = new Map(tensors.map((info) => [info.name, info]));
  const fills = new Map<string, PlacedParameter>();
  for (const parameter of parameters) {
    const name = isOurs ? tensorName(parameter.name) : parameter.name;
    const reason = misfit(parameter, left.get(name));
    if (reason && !partial) refuse(reason);
    if (reason) missing.push(name);
    else {
      fills.set(name, parameter);
      left.delete(name);
    }
  }
  const state = [...left.values()].filter(({ name }) => isOurs && partsOf(name));
  for (const { name } of state) left.delete(name);
  const unexpected = [...left.keys()];
  if (unexpected.length > 0 && !partial)
    refuse(`Expected tensors of the given parameters alone, but there is ${show(unexpected[0])}.`);
  if (!optimizer) return { isOurs, fills, slots: new Set(), rest: undefined, missing, unexpected };

  const filled = new Map([...fills.values()].map((parameter) => [parameter.name, parameter]));
  const { slots, bad } = matchSlots(state, filled, partial);
  unexpected.push(...[...bad].map((name) => `optimizer.state.${name}`));
  const rest = readRest(isOurs ? metadata[optimizerKey] : undefined, partial);
  return { isOurs, fills, slots, rest, missing, unexpected };
}

/** The name of the parameter and the slot of a tensor that belongs to a state; undefined for others. */
function partsOf(key: string): { name: string; slot: string } | undefined {
  const dot = key.lastIndexOf(".");
  if (!key.startsWith(statePrefix) || dot < statePrefix.length) return undefined;
  return { name: key.slice(statePrefix.length, dot), slot: ownName(key.slice(dot + 1)) };
}

/**
 * The tensors of states that are to be read, none larger than its parameter, and the names of the parameters whose
 * states are not. The optimizer checks their values.
 */
function matchSlots(
  state: readonly TensorInfo[],
  parameters: ReadonlyMap<string, CheckedParameter>,
  partial: boolean,
): { slots: ReadonlySet<string>; bad: ReadonlySet<string> } {
  const bad = new Set<string>();
  const found = new Set<string>();
  for (const { name: key, shape } of state) {
    const { name, slot } = partsOf(key) as { name: string; slot: string };
    // PyTorch's name of a slot and ours are both read.
    const own = JSON.stringify([name, slot]);
    if (found.has(own)) refuse(`Expected one tensor of the ${slot} of '${name}', but there are two.`);
    found.add(own);
    const length = parameters.get(name)?.length;
    const elements = sizeOf(shape);
    if (elements === length || (length !== undefined && shape.length === 0)) continue;
    if (!partial) {
      refuse(
        length === undefined
          ? `Expected the state of the given parameters alone, but there is that of '${name}'.`
          : `Expected the ${slot} of '${name}' to have ${length} elements, but it has ${elements}.`,
      );
    }
    bad.add(name);
  }
  const good = state.filter(({ name }) => !bad.has((partsOf(name) as { name: string }).name));
  return { slots: new Set(good.map(({ name }) => name)), bad };
}

/** The part of an optimizer's state that is not tensors. */
function readRest(text: string | undefined, partial: boolean): object {
  if (text === undefined) {
    if (!partial) refuse("Expected the state of an optimizer, but there is none.");
    return { rule: undefined, paramGroups: [] }; // of no rule, so that nothing fits
  }
  let rest: unknown;
  try {
    rest = parseJson(text as string);
  } catch (error) {
    refuse(`Expected the optimizer's options to be JSON, but they are not: ${(error as Error).message}.`);
  }
  if (typeof rest !== "object" || rest === null)
    refuse(`Expected the optimizer's options to be an object, but it is ${show(rest)}.`);
  return rest as object;
}

/** Puts an optimizer's state together from its tensors and the rest of it. */
function stateOf(tensors: ReadonlyMap<string, Tensor>, { slots, rest }: Match): StateDict {
  const state = new Map<string, [string, number | FloatArray][]>();
  for (const key of slots) {
    const { name, slot } = partsOf(key) as { name: string; slot: string };
    const { shape, data } = tensors.get(key) as Tensor;
    const values = state.get(name) ?? [];
    values.push([slot, (shape.length === 0 ? data[0] : data) as number | FloatArray]);
    state.set(name, values);
  }
  const states = [...state].map(([name, values]) => [name, Object.fromEntries(values)] as const);
  return { ...rest, state: Object.fromEntries(states) } as StateDict;
}

function loadState(optimizer: StatefulOptimizer, state: StateDict, partial: boolean, check: () => void): Unmatched {
  try {
    const options = { ...(partial && { partial }), [beforeLoad]: check };
    const unmatched = optimizer.loadStateDict(state, options);
    return (unmatched as Unmatched | undefined) ?? { missing: [], unexpected: [] };
  } catch (error) {
    if (error instanceof OptimError && error.code === "ERR_STATE") refuse(error.message);
    throw error;
  }
}

const setAll = Float64Array.prototype.set as (this: FloatArray, values: FloatArray) => void;

/** Writes the values that were read into the parameters, once the optimizer has taken its state. */
function apply({ metadata, tensors }: Safetensors, matched: Match, { parameters, optimizer, partial }: Asked): Loaded {
  const state = optimizer && stateOf(tensors, matched);
  checkPlaces(parameters);
  const unmatched = optimizer && loadState(optimizer, state as StateDict, partial, () => checkPlaces(parameters));
  // An optimizer that is not of this package runs its code after that check, or leaves it out.
  if (optimizer) checkPlaces(parameters, " while the optimizer was given its state, which it has now");
  for (const [name, { data }] of matched.fills) setAll.call(data, tensors.get(name)?.data as FloatArray);
  const prefixed = (paths: readonly string[] = []) => paths.map((path) => `optimizer.${path}`);
  const ownKeys = Object.entries(metadata).filter(([key]) => !matched.isOurs || !key.startsWith(reserved));
  return {
    metadata: Object.fromEntries(ownKeys),
    missing: [...matched.missing, ...prefixed(unmatched?.missing)],
    unexpected: [...matched.unexpected, ...prefixed(unmatched?.unexpected)],
  };
}

/** Runs a comparison, and names the file in its refusals. */
function fitting<T>(what: string, compare: () => T): T {
  try {
    return compare();
  } catch (error) {
    if (!(error instanceof OptimError) || error.code !== "ERR_CHECKPOINT") throw error;
    throw new OptimError("ERR_CHECKPOINT", `${what} does not fit. ${error.message}`);
  }
}

/**
 * Reads a checkpoint and checks that it fits: by its header, as far as that tells, before its data is read.
 * @param names Its names in errors: where it is damaged, and where it does not fit.
 * @returns a function that puts everything in its place.
 */
export function* load(source: Source, names: { damaged: string; misfit: string }, asked: Asked): Task<() => Loaded> {
  const opened = yield* open(source, names.damaged);
  const matched = fitting(names.misfit, () => match(opened, asked));
  const { fills, slots } = matched;
  const file = yield* opened.read(({ name }) => fills.has(name) || slots.has(name));
  return () => fitting(names.misfit, () => apply(file, matched, asked));
}
