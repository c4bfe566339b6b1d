import { OptimError } from "../errors.ts";
import { codecs, type StorageType } from "../numbers/codecs.ts";
import { copyOf, type FloatArray, lengthOf } from "../numbers/typed-array.ts";
import type { CheckedParameter, Parameter } from "../parameters/parameter.ts";
import type { StateDict } from "../state/state-dict.ts";
import { show } from "../values/show.ts";
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
import { dtypeOfArray, dtypeOfStorage } from "./dtypes.ts";
import { formatJson } from "./json.ts";
import { torchName } from "./names.ts";
import { checkMetadata, type Prepared, prepare, type TensorInput } from "./write.ts";

/** The contents of a checkpoint. */
export interface SaveOptions {
  /** The parameters to save, such as `model.parameters`: those of the optimizer, and any others. */
  readonly parameters: Iterable<Parameter>;
  /** Its state and options are saved too. */
  readonly optimizer?: StatefulOptimizer;
  /** Strings to keep with it, by name. Names that begin with "rmsprop." are taken. */
  readonly metadata?: Readonly<Record<string, string>>;
  /**
   * The number type that the parameters' values are rounded to: "float64", "float32", "bf16" or "f16". Default: they
   * are not. State never is.
   */
  readonly dtype?: StorageType;
}

/** The contents of a checkpoint, read and checked. With `copy` nothing of the user's is read afterwards. */
export function describe(options: SaveOptions, copy: boolean, owner: string): Prepared {
  checkOptions(options, ["parameters", "optimizer", "metadata", "dtype"], owner);
  const { optimizer: givenOptimizer, metadata: givenMetadata, dtype } = options;
  if (dtype !== undefined && !(typeof dtype === "string" && Object.hasOwn(codecs, dtype))) {
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
  checkPlaces(parameters);
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

/** An optimizer's state as tensors, and the rest of it as JSON. */
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
 * @throws OptimError ERR_OPTION for any other value.
 */
function describeValue(value: FloatArray | number, { length, shape = [length] }: CheckedParameter): TensorInput {
  if (typeof value === "number") return { data: Float64Array.of(value), shape: [] };
  const found = dtypeOfArray(value) && lengthOf(value);
  if (found === undefined) {
    throw new OptimError("ERR_OPTION", `Expected the state to be arrays and numbers, but it holds ${show(value)}.`);
  }
  return { data: value, shape: found === length && shape.length > 0 ? shape : [found] };
}
