// An optimizer's weights, as TensorFlow.js lists and saves them: the iterations, then run after run an array for each variable.
import { OptimError } from "../errors.ts";
import { show } from "../values/show.ts";
import type { WeightRun } from "./kinds.ts";
import type { NamedTensor, TensorFlow, Variable } from "./tensorflow.ts";
import { hasShape } from "./variables.ts";

/** Arrays by the suffixes of runs. */
export type Arrays = Readonly<Record<string, Float32Array>>;

/** The weights of one variable that wait for it. */
export interface Waiting {
  /** The variable's name where they were saved. */
  readonly name: string;
  readonly arrays: Arrays;
  /** The shapes of the arrays. */
  readonly shapes: Readonly<Record<string, readonly number[]>>;
}

/** Weights that were set, until steps show the variables that they are of. */
export interface Pending {
  readonly iterations: number;
  readonly waiting: readonly Waiting[];
  /** Whether a step has shown some of their variables. The others are known by name then. */
  readonly isPart: boolean;
}

/**
 * Reads weights as `getWeights` gives them. Values are copied when they come, because TensorFlow.js disposes the tensors.
 * @throws OptimError ERR_STATE where they are no such list.
 */
export async function takeWeights(weights: readonly NamedTensor[], runs: readonly WeightRun[]): Promise<Pending> {
  const values = await Promise.all(weights.map(async ({ tensor }) => (await tensor.data()).slice()));
  const [iterations, ...arrays] = values;
  const count = runs.length === 0 ? 0 : arrays.length / runs.length;
  if (!iterations || !Number.isInteger(count) || (runs.length === 0 && arrays.length > 0)) {
    throw new OptimError(
      "ERR_STATE",
      `Expected the iterations and ${runs.length} weights for each variable, ` +
        `${runs.map(({ suffix }) => suffix).join(", ") || "none"}, but there are ${weights.length} weights in all.`,
    );
  }
  const waiting = Array.from({ length: count }, (_, i) => {
    const own = runs.map(({ suffix }, r) => [suffix, r * count + i] as const);
    return {
      name: nameOf(weights[1 + i] as NamedTensor, runs[0] as WeightRun),
      arrays: Object.fromEntries(own.map(([suffix, at]) => [suffix, arrays[at] as Float32Array])),
      shapes: Object.fromEntries(own.map(([suffix, at]) => [suffix, (weights[1 + at] as NamedTensor).tensor.shape])),
    };
  });
  return { iterations: iterations[0] as number, waiting, isPart: false };
}

function nameOf({ name }: NamedTensor, { suffix }: WeightRun): string {
  return name.endsWith(`/${suffix}`) ? name.slice(0, -suffix.length - 1) : name;
}

/** Weights that are given to variables, and those that go on waiting. */
export interface Matched {
  readonly given: readonly (readonly [Variable, Arrays])[];
  readonly rest: readonly Waiting[];
}

/**
 * Gives weights to variables: by name where every variable has weights of its name, else by their order, as TensorFlow.js
 * does, because variables of a model that is loaded get names anew. Weights that are left of others are given by name alone.
 * @throws OptimError ERR_STATE where neither fits.
 */
export function matchWeights({ waiting, isPart }: Pending, known: readonly Variable[]): Matched {
  const byName = new Map(waiting.map((each) => [each.name, each]));
  const named = known.filter(({ name }) => byName.has(name));
  const isNamed = isPart || named.length === known.length;
  const variables = isNamed ? named : known;
  if (!isNamed && waiting.length !== variables.length) {
    throw new OptimError(
      "ERR_STATE",
      `Expected weights for ${variables.length} variables, as many as have gradients, or of their names, but there are ` +
        `those of ${waiting.length}.`,
    );
  }
  const given = variables.map((variable, i) => {
    const { name, arrays } = (isNamed ? byName.get(variable.name) : waiting[i]) as Waiting;
    for (const [suffix, { length }] of Object.entries(arrays)) {
      if (length === variable.size) continue;
      throw new OptimError(
        "ERR_STATE",
        `Expected the weights ${show(`${name}/${suffix}`)} to have ${variable.size} elements, as ${show(variable.name)} ` +
          `has, but they have ${length}.`,
      );
    }
    return [variable, arrays] as const;
  });
  const names = new Set(variables.map(({ name }) => name));
  return { given, rest: isNamed ? waiting.filter(({ name }) => !names.has(name)) : [] };
}

/**
 * The tensors that weights are listed in. They are the optimizer's own and are assigned anew for each list, because who
 * saves a list disposes none of its tensors.
 */
export class WeightTensors {
  readonly #tf: TensorFlow;
  readonly #variables = new Map<string, Variable>();

  constructor(tf: TensorFlow) {
    this.#tf = tf;
  }

  /** @param array Is copied. */
  named(name: string, array: Float32Array | Int32Array, shape: readonly number[]): NamedTensor {
    const dtype = array instanceof Int32Array ? "int32" : "float32";
    const tensor = this.#tf.tensor(array.slice(), [...shape], dtype);
    const found = this.#variables.get(name);
    if (found && !found.isDisposed && found.size === array.length && hasShape(found, shape)) {
      found.assign(tensor);
      tensor.dispose();
      return { name, tensor: found };
    }
    found?.dispose();
    const made = this.#tf.variable(tensor, false);
    tensor.dispose();
    this.#variables.set(name, made);
    return { name, tensor: made };
  }

  dispose(): void {
    for (const variable of this.#variables.values()) variable.dispose();
    this.#variables.clear();
  }
}
