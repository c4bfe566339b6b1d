import type { NumberType } from "../numbers/typed-array.ts";
import { type CheckedParameter, checkArray, type Parameter, unchecked } from "./parameter.ts";

/** Parameters that `allocate` made: what checks would find of them, beside that their memory is there. */
export interface MadeParameters {
  readonly parameters: readonly Parameter[];
  readonly type: NumberType;
  readonly lengths: readonly number[];
  readonly dataBuffer: ArrayBufferLike;
  readonly gradBuffer: ArrayBufferLike;
}

/** By the list that a program has. */
const made = new WeakMap<object, MadeParameters>();

export function noteMade(of: MadeParameters): void {
  made.set(of.parameters, of);
}

/** What is known of the parameters of a list, if it is one that `allocate` made, which nobody can change. */
export const madeParameters = (list: unknown): MadeParameters | undefined => made.get(list as object);

/**
 * What `checkParameters` makes of such a list. Its names differ, and its arrays do not overlap.
 * @throws OptimError ERR_DETACHED.
 */
export function checkMade({ parameters, lengths, ...rest }: MadeParameters): CheckedParameter[] {
  const { type, dataBuffer, gradBuffer } = rest;
  const [first] = parameters;
  if (first) checkArray(first.data, "data", first.name, unchecked());
  if (first) checkArray(first.grad, "gradient", first.name, unchecked());
  return parameters.map(({ name, data, grad, shape = [] }, i) => {
    return { name, data, grad, type, length: lengths[i] as number, dataBuffer, gradBuffer, shape };
  });
}
