import { codecs, type StorageType } from "../codecs.ts";
import { OptimError, show } from "../errors.ts";
import {
  type CheckedParameter,
  checkNames,
  checkParameter,
  type Parameter,
  showShape,
  takeParameter,
} from "../parameter.ts";
import type { StateDict } from "../state-dict.ts";
import { copyOf, type FloatArray, hasMemory, lengthOf } from "../typed-array.ts";
import { dtypeOfArray, dtypeOfStorage, dtypes } from "./dtypes.ts";
import { pathOf, runAsync, runSync, type Task } from "./files.ts";
import { metadataKey, refuse } from "./header.ts";
import { formatJson, parseJson } from "./json.ts";
import { ownName, torchName } from "./names.ts";
import { read, type Safetensors, type Tensor } from "./read.ts";
import { checkMetadata, type Prepared, prepare, type TensorInput, write } from "./write.ts";

/**
 * A checkpoint is a file of the safetensors format. A parameter `w` is the tensor `w`; its state is
 * `optimizer.w.square_avg`, `optimizer.w.step`, … in PyTorch's names. Options, and what else an optimizer's state has, are
 * JSON in the metadata.
 */

/** What a checkpoint needs of an optimizer. */
export interface StatefulOptimizer {
  stateDict(): StateDict;
  loadStateDict(state: StateDict): void;
}

export interface SaveOptions {
  /** The parameters to save, such as `model.parameters`: those of the optimizer, and any others. */
  readonly parameters: Iterable<Parameter>;
  /** Its state and options are saved too. */
  readonly optimizer?: StatefulOptimizer;
  /** Strings to keep with it, by name. Names that begin with "rmsprop." are taken. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** What the parameters' values are rounded to: "float64", "float32", "bf16" or "f16". Default as they are. State never is. */
  readonly dtype?: StorageType;
}

export interface LoadOptions {
  /** The parameters to fill: all those of the file, by name. */
  readonly parameters: Iterable<Parameter>;
  /** Its state and options are replaced by those of the file. Without it the file's are left alone. */
  readonly optimizer?: StatefulOptimizer;
}

/** What a checkpoint holds beside what was loaded. */
export interface Loaded {
  /** The metadata it was saved with. */
  readonly metadata: Readonly<Record<string, string>>;
}

const reserved = "rmsprop.";
const formatKey = `${reserved}checkpoint`;
const format = "1";
const optimizerKey = `${reserved}optimizer`;
const statePrefix = "optimizer.";
const parameterPrefix = "parameter.";

/** The name of a parameter's tensor: its own, unless that could be taken for something else. */
function tensorName(name: string): string {
  const taken =
    name === metadataKey || [statePrefix, reserved, parameterPrefix].some((prefix) => name.startsWith(prefix));
  return taken ? parameterPrefix + name : name;
}

function checkOptions(given: unknown, names: readonly string[], owner: string): void {
  if (typeof given !== "object" || given === null) {
    throw new OptimError("ERR_OPTION", `Expected ${owner} to be given { parameters, … }, but it is ${show(given)}.`);
  }
  const unknown = Object.keys(given).find((name) => !names.includes(name));
  if (unknown === undefined) return;
  throw new OptimError("ERR_OPTION", `The function ${owner} has no option '${unknown}'; it has ${names.join(", ")}.`);
}

/** @throws OptimError ERR_DTYPE, ERR_NAME, ERR_LENGTH, ERR_DETACHED. */
function readParameters(given: unknown): CheckedParameter[] {
  if (typeof given !== "object" || given === null || !(Symbol.iterator in given)) {
    throw new OptimError(
      "ERR_DTYPE",
      `Expected 'parameters' to be an iterable of parameters, but it is ${show(given)}.`,
    );
  }
  const raw = [...(given as Iterable<unknown>)].map((parameter, i) => takeParameter(parameter, i));
  const parameters = raw.map(checkParameter);
  checkNames(parameters);
  return parameters;
}

function checkOptimizer(given: unknown): StatefulOptimizer | undefined {
  if (given === undefined) return undefined;
  const { stateDict, loadStateDict } = (given ?? {}) as Partial<StatefulOptimizer>;
  if (typeof stateDict === "function" && typeof loadStateDict === "function") return given as StatefulOptimizer;
  throw new OptimError("ERR_OPTION", `Expected 'optimizer' to be an optimizer, but it is ${show(given)}.`);
}

/** What a checkpoint is to hold. Everything of the user's is read here; with `copy` nothing of it is read afterwards. */
function describe(options: SaveOptions, copy: boolean): Prepared {
  checkOptions(options, ["parameters", "optimizer", "metadata", "dtype"], "saveCheckpoint");
  const { optimizer: givenOptimizer, metadata: givenMetadata, dtype } = options;
  if (dtype !== undefined && !Object.hasOwn(codecs, dtype)) {
    const known = Object.keys(codecs).map((name) => `"${name}"`);
    throw new OptimError("ERR_OPTION", `Expected 'dtype' to be one of ${known.join(", ")}, but it is ${show(dtype)}.`);
  }
  const metadata = checkMetadata(givenMetadata);
  const taken = metadata.find(([key]) => key.startsWith(reserved));
  if (taken)
    throw new OptimError(
      "ERR_OPTION",
      `Expected metadata whose names do not begin with "${reserved}", but one is ${show(taken[0])}.`,
    );
  const optimizer = checkOptimizer(givenOptimizer);
  const parameters = readParameters(options.parameters);

  const state = optimizer?.stateDict();
  const tensors = parameters.map(({ name, data, shape, length }): [string, TensorInput] => [
    tensorName(name),
    {
      data: copy ? copyOf(data) : data,
      shape: shape ?? [length],
      ...(dtype === undefined ? {} : { dtype: dtypeOfStorage[dtype] }),
    },
  ]);
  metadata.push([formatKey, format]);
  if (state) {
    const { tensors: slots, text } = describeState(state, parameters);
    tensors.push(...slots);
    metadata.push([optimizerKey, text]);
  }
  return prepare(tensors, metadata);
}

/** An optimizer's state as tensors, and as JSON what is not one. */
function describeState(
  stateDict: StateDict,
  parameters: readonly CheckedParameter[],
): { tensors: [string, TensorInput][]; text: string } {
  const { state, ...rest } = stateDict;
  const byName = new Map(parameters.map((parameter) => [parameter.name, parameter]));
  const tensors: [string, TensorInput][] = [];
  for (const [name, values] of Object.entries(state)) {
    const parameter = byName.get(name);
    if (!parameter) {
      throw new OptimError(
        "ERR_NAME",
        `Expected 'parameters' to have all those of the optimizer, but ${show(name)} is not among them.`,
      );
    }
    for (const [slot, value] of Object.entries(values)) {
      tensors.push([`${statePrefix}${name}.${torchName(slot)}`, describeValue(value, parameter)]);
    }
  }
  return { tensors, text: formatJson(rest, "the optimizer's state") };
}

/**
 * A number has no dimension; an array has one even if its parameter has none, so that it comes back as an array.
 * @throws OptimError ERR_OPTION for what is neither.
 */
function describeValue(value: FloatArray | number, { length, shape = [length] }: CheckedParameter): TensorInput {
  if (typeof value === "number") return { data: Float64Array.of(value), shape: [] };
  const found = dtypeOfArray(value) && lengthOf(value);
  if (found === undefined) {
    throw new OptimError("ERR_OPTION", `Expected the state to be arrays and numbers, but it holds ${show(value)}.`);
  }
  return { data: value, shape: found === length && shape.length > 0 ? shape : [found] };
}

/** Checks that a file fits, and then puts what it holds in its place. */
function apply(
  { tensors, metadata }: Safetensors,
  parameters: readonly CheckedParameter[],
  optimizer: StatefulOptimizer | undefined,
): Loaded {
  const isOurs = Object.hasOwn(metadata, formatKey);
  if (isOurs && metadata[formatKey] !== format) {
    refuse(`Expected a checkpoint of the version ${format}, but it is of ${show(metadata[formatKey])}.`);
  }
  const rest = new Map(tensors);
  const fills = parameters.map((parameter) => {
    const name = isOurs ? tensorName(parameter.name) : parameter.name;
    const tensor = tensors.get(name);
    rest.delete(name);
    return { parameter, values: valuesFor(parameter, tensor) };
  });
  const stateTensors = [...rest].filter(([name]) => isOurs && name.startsWith(statePrefix));
  for (const [name] of stateTensors) rest.delete(name);
  const [extra] = rest.keys();
  if (extra !== undefined) refuse(`Expected tensors of the given parameters alone, but there is ${show(extra)}.`);
  const state = optimizer && readState(isOurs ? metadata[optimizerKey] : undefined, stateTensors);

  // User code that ran since they were read may have taken their memory.
  for (const { name, data, length } of parameters) {
    if (!hasMemory(data) || lengthOf(data) !== length) {
      throw new OptimError(
        "ERR_DETACHED",
        `Expected the data of '${name}' to have its memory, but it was disposed, detached, transferred or shrunk.`,
      );
    }
  }
  if (optimizer) loadState(optimizer, state as StateDict);
  for (const { parameter, values } of fills) setAll.call(parameter.data, values);
  return {
    metadata: Object.fromEntries(Object.entries(metadata).filter(([key]) => !isOurs || !key.startsWith(reserved))),
  };
}

const setAll = Float64Array.prototype.set as (this: FloatArray, values: FloatArray) => void;

function valuesFor({ name, shape, length, type }: CheckedParameter, tensor: Tensor | undefined): FloatArray {
  if (!tensor) return refuse(`Expected a tensor of the parameter ${show(name)}, but there is none.`);
  const { dtype, data } = tensor;
  const decoded = dtypes[dtype].codec?.decoded;
  if (!decoded || (decoded === "float64" && type === "float32")) {
    refuse(`Expected ${show(name)} to have values that ${type} holds, but they are ${dtype}.`);
  }
  const fits = shape ? showShape(shape) === showShape(tensor.shape) : data.length === length;
  if (!fits)
    refuse(
      `Expected ${show(name)} to have the shape ${showShape(shape ?? [length])}, but it has ${showShape(tensor.shape)}.`,
    );
  return data as FloatArray;
}

/** Puts an optimizer's state together from its tensors and its JSON. The optimizer checks what is in it. */
function readState(text: string | undefined, tensors: readonly [string, Tensor][]): StateDict {
  if (text === undefined) refuse("Expected the state of an optimizer, but there is none.");
  let rest: unknown;
  try {
    rest = parseJson(text as string);
  } catch (error) {
    refuse(`Expected the optimizer's options to be JSON, but they are not: ${(error as Error).message}.`);
  }
  if (typeof rest !== "object" || rest === null)
    refuse(`Expected the optimizer's options to be an object, but it is ${show(rest)}.`);
  const state = new Map<string, [string, number | FloatArray][]>();
  for (const [key, { shape, data }] of tensors) {
    const dot = key.lastIndexOf(".");
    const name = key.slice(statePrefix.length, dot);
    const values = state.get(name) ?? [];
    values.push([ownName(key.slice(dot + 1)), (shape.length === 0 ? data[0] : data) as number | FloatArray]);
    state.set(name, values);
  }
  const states = [...state].map(([name, values]) => [name, Object.fromEntries(values)] as const);
  return { ...(rest as object), state: Object.fromEntries(states) } as StateDict;
}

function loadState(optimizer: StatefulOptimizer, state: StateDict): void {
  try {
    optimizer.loadStateDict(state);
  } catch (error) {
    if (error instanceof OptimError && error.code === "ERR_STATE") refuse(error.message);
    throw error;
  }
}

function* load(
  path: string,
  parameters: readonly CheckedParameter[],
  optimizer: StatefulOptimizer | undefined,
): Task<Loaded> {
  const file = yield* read(path);
  try {
    return apply(file, parameters, optimizer);
  } catch (error) {
    if (!(error instanceof OptimError) || error.code !== "ERR_CHECKPOINT") throw error;
    throw new OptimError("ERR_CHECKPOINT", `The checkpoint ${JSON.stringify(path)} does not fit. ${error.message}`);
  }
}

function loading(path: string | URL, options: LoadOptions): Task<Loaded> {
  checkOptions(options, ["parameters", "optimizer"], "loadCheckpoint");
  return load(pathOf(path), readParameters(options.parameters), checkOptimizer(options.optimizer));
}

/**
 * Saves parameters, and an optimizer's state and options, in one file of the safetensors format. A crash at any moment
 * leaves the old file or the new one: it is written under another name in the same folder, synced, and renamed, and the
 * folder is synced. A learning rate that is a function is not saved; the state of a schedule that has one is.
 *
 * @param path A path or a file URL.
 * @throws OptimError as an optimizer's constructor does for the parameters, ERR_NAME where a parameter of the optimizer is
 * left out, ERR_OPTION, ERR_STEP_IN_FLIGHT, before a file is made; what the file system says, such as ENOSPC, when the old
 * file is still there.
 */
export function saveCheckpoint(path: string | URL, options: SaveOptions): void {
  runSync(write(pathOf(path), describe(options, false)));
}

/**
 * `saveCheckpoint` off the event loop. Parameters and state are copied before it returns, so that training may go on.
 */
export async function saveCheckpointAsync(path: string | URL, options: SaveOptions): Promise<void> {
  await runAsync(write(pathOf(path), describe(options, true)));
}

/**
 * Fills parameters, and an optimizer, from a file that `saveCheckpoint` wrote; parameters also from a file of the
 * safetensors format by any other writer, by their names. Everything is checked before anything is changed. Values may be
 * of a smaller number type than the parameter, which holds them as they are; none is rounded. A learning rate that is a
 * function, and a schedule's options, stay those of the optimizer.
 *
 * @param path A path or a file URL.
 * @throws OptimError ERR_CHECKPOINT where the file is damaged or does not fit: other names, shapes or number types,
 * another rule or other groups; ERR_STEP_IN_FLIGHT, ERR_DETACHED, ERR_MEMORY; what the file system says, such as ENOENT.
 * Nothing is changed then.
 */
export function loadCheckpoint(path: string | URL, options: LoadOptions): Loaded {
  return runSync(loading(path, options));
}

/** `loadCheckpoint` off the event loop: nothing is changed until all is read and checked, and then all at once. */
export async function loadCheckpointAsync(path: string | URL, options: LoadOptions): Promise<Loaded> {
  return runAsync(loading(path, options));
}
