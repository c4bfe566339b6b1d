import type { NumberType } from "../numbers/typed-array.ts";
import { checkArray, unchecked } from "./array.ts";
import type { CheckedParameter, Parameter } from "./parameter.ts";

/**
 * Parameters that `allocate` made, with all that checks would find of them. Whether their memory is still there has to
 * be checked each time.
 */
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

/** The findings for a list of parameters that `allocate` made, which nobody can change; undefined for other lists. */
export const madeParameters = (list: unknown): MadeParameters | undefined => made.get(list as object);

/**
 * Does the work of `checkParameters` for such a list. Its names differ, and its arrays do not overlap.
 * @throws OptimError ERR_DETACHED.
 */
export function checkMade({ parameters, lengths, ...rest }: MadeParameters): CheckedParameter[] {
  const { type, dataBuffer, gradBuffer } = rest;
  const [first] = parameters;
  if (first) checkArray(first.data, "data", first.name, unchecked());
  if (first) checkArray(first.grad, "gradient", first.name, unchecked());
  return parameters.map(({ name, data, grad, shape = [] }, i) => {
    const source = grad && { array: grad, storage: type, buffer: gradBuffer };
    return { name, data, grad, type, storage: type, length: lengths[i] as number, dataBuffer, source, shape };
  });
}
