// What a step over tensors reads and writes.
import type { StepArraysOf } from "../api.ts";
import { OptimError } from "../errors.ts";
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
 * Everything that may allocate. Views are taken afterwards.
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
  const tensors = given.flatMap(({ variable, gradient }) =>
    gradient ? [{ variable, gradient: fitted(tf, gradient, variable, made) }] : [],
  );
  for (const { variable, gradient } of tensors) {
    access.prepare(variable);
    access.prepare(gradient);
  }
  return tensors.map(({ variable, gradient }) => {
    if (inPlace && access.isOwn(variable)) return { variable, gradient, output: undefined };
    const output = access.output(variable.shape);
    outputs.push(output);
    return { variable, gradient, output };
  });
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
export function arraysOf(access: Access, stepped: readonly Stepped[]): Record<string, StepArraysOf> {
  const inPlace = new Set<object>();
  for (const { variable, output } of stepped) if (!output) inPlace.add(variable.dataId);
  const entries = stepped.map(({ variable, gradient, output }) => {
    const seen = access.view(gradient);
    // A gradient that is a variable's own tensor, of a variable that the step writes, is what it was before the step.
    const grad = inPlace.has(gradient.dataId) ? seen.slice() : seen;
    return [variable.name, { data: access.view(variable), grad, ...(output && { out: output.view() }) }] as const;
  });
  return Object.fromEntries(entries);
}
