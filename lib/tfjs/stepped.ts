// What a step over tensors reads and writes.
import type { Optimizer } from "../api.ts";
import { OptimError } from "../errors.ts";
import { stepGiven } from "../optimizer.ts";
import type { GivenArrays } from "../step/given.ts";
import type { Access, Output } from "./access.ts";
import type { Write } from "./options.ts";
import type { Tensor, TensorFlow, Variable } from "./tensorflow.ts";
import { type Given, hasShape } from "./variables.ts";

/** A variable that a step changes. */
export interface Stepped {
  readonly variable: Variable;
  readonly gradient: Tensor;
  /** The tensor that takes its place; undefined where it is written in its place. */
  readonly output: Output | undefined;
}

/**
 * Everything that may allocate. Views are taken afterwards. Loops here and below call no functions of their own: a step is
 * short, and between steps the training drives its code out of the caches.
 * @param made Takes the tensors that are made for gradients.
 * @param outputs Takes those that are made to be written.
 */
export function prepare(
  tf: TensorFlow,
  access: Access,
  write: Write,
  given: readonly Given[],
  made: Tensor[],
  outputs: Output[],
): readonly Stepped[] {
  const inPlace = write === "inPlace" || (write === "auto" && access.inPlace);
  const tensors: { readonly variable: Variable; readonly gradient: Tensor }[] = [];
  for (const { variable, gradient } of given) {
    if (gradient) tensors.push({ variable, gradient: fitted(tf, gradient, variable, made) });
  }
  for (const { variable, gradient } of tensors) {
    access.prepare(variable);
    access.prepare(gradient);
  }
  const stepped: Stepped[] = [];
  for (const { variable, gradient } of tensors) {
    let output: Output | undefined;
    if (!inPlace || !access.isOwn(variable)) {
      output = access.output(variable.shape);
      outputs.push(output);
    }
    stepped.push({ variable, gradient, output });
  }
  return stepped;
}

/** A gradient as float32 and in its variable's shape, as TensorFlow.js's operators would take it. */
function fitted(tf: TensorFlow, gradient: Tensor, variable: Variable, made: Tensor[]): Tensor {
  const { shape } = variable;
  const isShaped = hasShape(gradient, shape);
  if (isShaped && gradient.dtype === "float32") return gradient;
  const fitted = tf.tidy(() => {
    const floats = gradient.dtype === "float32" ? gradient : tf.cast(gradient, "float32");
    if (isShaped) return floats;
    try {
      return tf.broadcastTo(floats, [...shape] as never);
    } catch {
      throw new OptimError(
        "ERR_LENGTH",
        `Expected the gradient of '${variable.name}' to have its shape, [${shape}], or one that broadcasts to it, ` +
          `but it has [${gradient.shape}].`,
      );
    }
  });
  made.push(fitted);
  return fitted;
}

/** The arrays of a step, now that nothing allocates any more. */
function arraysOf(access: Access, stepped: readonly Stepped[]): readonly GivenArrays[] {
  const inPlace = new Set<object>();
  for (const { variable, output } of stepped) if (!output) inPlace.add(variable.dataId);
  const arrays: GivenArrays[] = [];
  for (const { variable, gradient, output } of stepped) {
    const seen = access.view(gradient);
    // A gradient that is a variable's own tensor, of a variable that the step writes, is what it was before the step.
    const grad = inPlace.has(gradient.dataId) ? seen.slice() : seen;
    const data = access.view(variable);
    arrays.push({ name: variable.name, data, grad, out: output ? output.view() : data });
  }
  return arrays;
}

/**
 * Steps variables.
 * @returns Whether the call took a step, and did not skip it or only accumulate.
 * @throws OptimError as `Optimizer.step` does.
 */
export function stepOver(core: Optimizer, access: Access, stepped: readonly Stepped[]): boolean {
  const arrays = arraysOf(access, stepped);
  const isApart = access.isApart || stepped.every(({ output }) => output);
  if (isApart) return stepGiven(core, arrays);
  core.step(Object.fromEntries(arrays.map(({ name, ...own }) => [name, own])));
  return core.lastStep?.applied === true;
}
