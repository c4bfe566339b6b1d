// The variables that an optimizer knows, in the order in which it came to know them.
import { OptimError } from "../errors.ts";
import { show } from "../values/show.ts";
import type { NamedTensor, NamedTensorMap, Tensor, TensorFlow, Variable } from "./tensorflow.ts";

/** Whether a tensor has a shape. */
export const hasShape = ({ shape: own }: Tensor, shape: readonly number[]): boolean =>
  own.length === shape.length && own.every((size, i) => size === shape[i]);

/** A variable with its gradient, if it has one. */
export interface Given {
  readonly variable: Variable;
  readonly gradient: Tensor | undefined;
}

/**
 * Reads what `applyGradients` was given.
 * @throws OptimError ERR_NAME for a name that no variable has, or that comes twice, ERR_DTYPE for a
 * variable that is not float32 or a gradient that is no tensor.
 */
export function takeGradients(tf: TensorFlow, given: NamedTensorMap | NamedTensor[]): Given[] {
  const pairs: readonly (readonly [string, Tensor | null | undefined])[] = Array.isArray(given)
    ? given.map(({ name, tensor }) => [name, tensor])
    : Object.entries(given);
  const { registeredVariables } = tf.engine();
  const names = new Set<string>();
  return pairs.flatMap(([name, gradient]) => {
    if (names.has(name)) {
      throw new OptimError("ERR_NAME", `Expected one gradient for each variable, but there are two for ${show(name)}.`);
    }
    names.add(name);
    const variable = Object.hasOwn(registeredVariables, name) ? registeredVariables[name] : undefined;
    if (!variable) {
      throw new OptimError(
        "ERR_NAME",
        `Expected gradients by the names of variables, but none is named ${show(name)}.`,
      );
    }
    if (variable.dtype !== "float32") {
      if (!gradient) return []; // a list of variables may have others, for which there are no gradients
      throw new OptimError(
        "ERR_DTYPE",
        `Expected the variable ${show(name)} to be float32, but it is ${variable.dtype}.`,
      );
    }
    if (gradient && typeof gradient.dataSync !== "function") {
      throw new OptimError(
        "ERR_DTYPE",
        `Expected the gradient of ${show(name)} to be a tensor, but it is ${show(gradient)}: give tf.tensor(…) of it.`,
      );
    }
    return [{ variable, gradient: gradient ?? undefined }];
  });
}

/**
 * Variables by name. A variable keeps its number through `assign`; a new variable under an old name has another one, and
 * begins anew.
 */
export class Variables {
  readonly #known = new Map<string, Variable>();

  get all(): readonly Variable[] {
    return [...this.#known.values()];
  }

  has(name: string): boolean {
    return this.#known.has(name);
  }

  /** Those that are not known. */
  newAmong(given: readonly Given[]): Variable[] {
    return given.flatMap(({ variable }) => (this.#known.get(variable.name)?.id === variable.id ? [] : [variable]));
  }

  /** The names of those that TensorFlow.js no longer has. */
  goneFrom(tf: TensorFlow): string[] {
    const { registeredVariables } = tf.engine();
    return this.all.flatMap(({ name, id }) => (registeredVariables[name]?.id === id ? [] : [name]));
  }

  add(variables: readonly Variable[]): void {
    for (const variable of variables) this.#known.set(variable.name, variable);
  }

  remove(names: readonly string[]): void {
    for (const name of names) this.#known.delete(name);
  }
}
