/**
 * A checkpoint is a file of the safetensors format. A parameter `w` is the tensor `w`; its state is
 * `optimizer.w.square_avg`, `optimizer.w.step`, … in PyTorch's names. Options, and the rest of an optimizer's state,
 * are JSON in the metadata.
 */
import { OptimError } from "../errors.ts";
import { checkIdle, memoryOf } from "../memory/memory.ts";
import { bufferOf, hasMemory, lengthOf } from "../numbers/typed-array.ts";
import {
  type CheckedParameter,
  checkNames,
  checkParameters,
  isPlaced,
  type PlacedParameter,
} from "../parameters/parameter.ts";
import { takeParameter } from "../parameters/take.ts";
import type { StateDict } from "../state/state-dict.ts";
import { show } from "../values/show.ts";
import { didYouMean, listHint, nearest } from "../values/words.ts";
import { metadataKey } from "./header.ts";

/** The part of an optimizer that a checkpoint needs. */
export interface StatefulOptimizer {
  /** A copy of the state. */
  stateDict(): StateDict;
  /**
   * Replaces the state; with `partial` as far as the new one fits. An object around an optimizer passes both arguments
   * on: `options` carries the last checks of a load, which can refuse before the state is changed.
   */
  loadStateDict(state: StateDict, options?: { readonly partial?: boolean }): unknown;
}

export const reserved = "rmsprop.";
export const formatKey = `${reserved}checkpoint`;
export const format = "1";
export const optimizerKey = `${reserved}optimizer`;
export const statePrefix = "optimizer.";
export const parameterPrefix = "parameter.";

/** The name of a parameter's tensor: its own, unless that could be taken for something else. */
export function tensorName(name: string): string {
  const taken =
    name === metadataKey || [statePrefix, reserved, parameterPrefix].some((prefix) => name.startsWith(prefix));
  return taken ? parameterPrefix + name : name;
}

export function checkOptions(given: unknown, names: readonly string[], owner: string): void {
  if (typeof given !== "object" || given === null || Symbol.iterator in given) {
    throw new OptimError("ERR_OPTION", `Expected ${owner} to be given { parameters, … }, but it is ${show(given)}.`);
  }
  const unknown = Object.keys(given).find((name) => !names.includes(name));
  if (unknown === undefined) return;
  if ("parameters" in given && "grads" in given) {
    throw new OptimError(
      "ERR_OPTION",
      `Expected ${owner} to be given { parameters, … }, but it is a model: give { parameters: model.parameters }.`,
    );
  }
  const meant = nearest(unknown, names);
  const hint = meant === undefined ? `; it has ${names.join(", ")}.` : didYouMean(`'${meant}'`);
  throw new OptimError("ERR_OPTION", `The function ${owner} has no option '${unknown}'${hint}`);
}

/** @throws OptimError ERR_DTYPE, ERR_NAME, ERR_LENGTH, ERR_DETACHED. */
export function readParameters(given: unknown): PlacedParameter[] {
  if (typeof given !== "object" || given === null || !(Symbol.iterator in given)) {
    throw new OptimError(
      "ERR_DTYPE",
      `Expected 'parameters' to be an iterable of parameters, but it is ${show(given)}${listHint(given)}`,
    );
  }
  const raw = [...(given as Iterable<unknown>)].map((parameter, i) => takeParameter(parameter, i));
  const parameters = checkParameters(raw);
  checkNames(parameters);
  for (const parameter of parameters) if (!isPlaced(parameter)) throw lacksData(parameter);
  return parameters as PlacedParameter[];
}

function lacksData({ name }: CheckedParameter): OptimError {
  return new OptimError(
    "ERR_DTYPE",
    `Expected the data of '${name}', which a checkpoint holds, but it is null: ` +
      "give { name, data, grad: null } with the array that holds it now.",
  );
}

export function checkOptimizer(given: unknown): StatefulOptimizer | undefined {
  if (given === undefined) return undefined;
  const { stateDict, loadStateDict } = (given ?? {}) as Partial<StatefulOptimizer>;
  if (typeof stateDict === "function" && typeof loadStateDict === "function") return given as StatefulOptimizer;
  throw new OptimError("ERR_OPTION", `Expected 'optimizer' to be an optimizer, but it is ${show(given)}.`);
}

/**
 * Refuses parameters whose memory was taken by code that has run since they were read.
 * @param meanwhile The sentence's words for that code.
 * @throws OptimError ERR_DETACHED, ERR_STEP_IN_FLIGHT.
 */
export function checkPlaces(parameters: readonly PlacedParameter[], meanwhile = ""): void {
  for (const { name, data, length } of parameters) {
    if (!hasMemory(data) || lengthOf(data) !== length || memoryOf(bufferOf(data))?.disposed) {
      throw new OptimError(
        "ERR_DETACHED",
        `Expected the data of '${name}' to have its memory, but it was disposed, detached, transferred or shrunk${meanwhile}.`,
      );
    }
    checkIdle(bufferOf(data));
  }
}
