// The variables that an optimizer knows, in the order in which it came to know them.
import { OptimError } from "../errors.ts";
import { show } from "../values/show.ts";
import type { NamedTensor, NamedTensorMap, Tensor, TensorFlow, Variable } from "./tensorflow.ts";

/** Whether a tensor has a shape. */
export function hasShape({ shape: own }: Tensor, shape: readonly number[]): boolean {
  if (own.length !== shape.length) return false;
  for (let i = 0; i < shape.length; i++) if (own[i] !== shape[i]) return false;
  return true;
}

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
  const { registeredVariables } = tf.engine();
  const taken: Given[] = [];
  if (!Array.isArray(given)) {
    for (const name of Object.keys(given)) takeGradient(registeredVariables, name, given[name], taken);
    return taken;
  }
  const names = new Set<string>();
  for (const { name, tensor } of given) {
    if (names.has(name)) {
      throw new OptimError("ERR_NAME", `Expected one gradient for each variable, but there are two for ${show(name)}.`);
    }
    names.add(name);
    takeGradient(registeredVariables, name, tensor, taken);
  }
  return taken;
}

function takeGradient(
  variables: Readonly<Record<string, Variable>>,
  name: string,
  gradient: Tensor | null | undefined,
  taken: Given[],
): void {
  const variable = Object.hasOwn(variables, name) ? variables[name] : undefined;
  if (!variable) {
    throw new OptimError("ERR_NAME", `Expected gradients by the names of variables, but none is named ${show(name)}.`);
  }
  if (variable.dtype !== "float32") {
    if (!gradient) return; // a list of variables may have others, for which there are no gradients
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
  taken.push({ variable, gradient: gradient ?? undefined });
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
    const found: Variable[] = [];
    for (const { variable } of given) if (this.#known.get(variable.name)?.id !== variable.id) found.push(variable);
    return found;
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
