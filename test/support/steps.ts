// What step, state and asynchronous tests run over, and a second opinion on what a step does.
import { expect } from "vitest";
import type { OptimErrorCode } from "../../lib/errors.ts";
import { float32, float64 } from "../../lib/numbers/arithmetic.ts";
import { type FloatArray, type NumberType, numberTypeOf } from "../../lib/numbers/typed-array.ts";
import type { RMSprop, RMSpropOptions } from "../../lib/optimizers/all.ts";
import { rmspropDefinition } from "../../lib/optimizers/rmsprop.ts";
import type { OptionSpec, OptionTable } from "../../lib/options/option.ts";
import { rmspropRule } from "../../lib/rules/rmsprop.ts";
import { arrayType } from "./arena.ts";
import { bitsOf, drawGradient, expectRefusal, type OwnParameter, parameter, snapshot, type Witness } from "./arrays.ts";

/** Options that reach every flag, every coefficient and every slot. */
export const optionSets: Readonly<Record<string, RMSpropOptions>> = {
  defaults: {},
  "a function for lr": { lr: (step) => 0.1 / step },
  momentum: { momentum: 0.9 },
  nesterov: { momentum: 0.9, nesterov: true, lr: 0.1 },
  "lr in momentum": { momentum: 0.5, lrInMomentum: true, lr: (step) => 0.1 / step },
  centered: { centered: true, alpha: 0.9 },
  "weight decay": { weightDecay: 0.1 },
  "decoupled weight decay": { weightDecay: 0.1, decoupledWeightDecay: true, lr: 0.1 },
  "eps in the root": { eps: 1e-3, epsInSqrt: true },
  "a mean square that starts at 1": { initialSquareAvg: 1 },
  maximize: { maximize: true },
  everything: {
    ...{ lr: (step) => 0.1 / step, alpha: 0.9, eps: 1e-4, epsInSqrt: true, momentum: 0.5, nesterov: true },
    ...{ lrInMomentum: true, centered: true, weightDecay: 0.03, initialSquareAvg: 0.5, maximize: true },
  },
};

/** Those that reach most of them at once. */
export const everything = optionSets.everything as RMSpropOptions;

/** Number types of an optimizer's parameters, in turn. */
export const typeMixes: Readonly<Record<string, readonly [NumberType, ...NumberType[]]>> = {
  float32: ["float32"],
  float64: ["float64"],
  mixed: ["float32", "float64", "float64"],
};

/** Every option set with every mix of number types. */
export const optionsAndTypes = Object.entries(optionSets).flatMap(([name, options]) =>
  Object.entries(typeMixes).map(([mix, types]) => ({ name: `${name}, ${mix}`, options, types })),
);

/** Parameters named a, b, c, …, of these lengths and of number types in turn. */
export const parametersOf = (types: readonly NumberType[], lengths: readonly number[] = [40, 1, 0, 7]) =>
  lengths.map((length, i) => parameter("abcdefgh"[i] as string, length, types[i % types.length], i + 1));

/** Gives parameters the gradients of a seed. */
export function drawGradients(parameters: readonly OwnParameter[], seed: number): void {
  parameters.forEach(({ grad }, i) => {
    drawGradient(grad, seed * 131 + i);
  });
}

export const groupOf = (optimizer: RMSprop, i = 0) => optimizer.paramGroups[i] as RMSprop["paramGroups"][number];

type Slot = (typeof rmspropRule.slots)[number];

/**
 * One parameter, stepped by the rule and the definition alone: no groups, plans, clocks or backends. What an optimizer
 * must leave of it, whatever else it steps.
 */
export class Expected {
  options: Required<RMSpropOptions>;
  readonly slots: Record<string, FloatArray> = {};
  readonly data: FloatArray;
  step = 0;

  /** @param data The parameter's values, which are copied. */
  constructor(data: FloatArray, options: RMSpropOptions = {}) {
    const defaults = Object.entries<OptionSpec>(rmspropDefinition.options as OptionTable).map(([name, spec]) => [
      name,
      spec.default,
    ]);
    this.options = { ...Object.fromEntries(defaults), ...options };
    this.data = data.slice();
  }

  /**
   * Takes a step.
   * @param data Read instead of the parameter's own values.
   * @param out Written instead of what is read.
   * @param scale What the gradients are multiplied by.
   */
  take(grad: FloatArray, data = this.data, out = data, scale = 1): void {
    this.step++;
    const type = numberTypeOf(data) as NumberType;
    const arithmetic = type === "float32" ? float32 : float64;
    const { lr } = this.options;
    const flags = rmspropDefinition.flags(this.options);
    const rate = typeof lr === "number" ? lr : (lr as (step: number) => number)(this.step);
    const values = rmspropDefinition.coefficients(this.options, rate, this.step, type);
    const scaled = { ...values, gradScale: (values.gradScale as number) * scale };
    const entries = Object.entries(scaled).map(([name, value]) => [name, arithmetic.constant(value)]);
    const slots = rmspropRule.slots.filter((slot) => rmspropRule.uses(flags as never, slot));
    for (const slot of slots) {
      const initial = rmspropDefinition.initial(slot, this.options);
      this.slots[slot] ??= new (arrayType(type))(data.length).fill(initial);
    }
    for (let i = 0; i < data.length; i++) {
      const noSlots = Object.fromEntries(rmspropRule.slots.map((slot) => [slot, 0])) as Record<Slot, number>;
      const x = { param: data[i] as number, grad: grad[i] as number, ...noSlots };
      for (const slot of slots) x[slot] = this.slots[slot]?.[i] as number;
      rmspropRule.apply(arithmetic, flags as never, x, Object.fromEntries(entries));
      for (const slot of slots) (this.slots[slot] as FloatArray)[i] = x[slot];
      out[i] = x.param;
    }
  }
}

/** `bitsOf` as text, which compares fast. */
export const bitText = (array: FloatArray) => Buffer.from(bitsOf(array).buffer).toString("hex");

/** A parameter's bits and its state's: of an optimizer, or as expected. */
export function resultOf(optimizer: RMSprop, { name, data }: { name: string; data: FloatArray }): unknown {
  const { step, ...slots } = optimizer.state(name);
  return { step, data: bitText(data), ...bitsOfEach(slots as Record<string, FloatArray>) };
}
export const expectedResult = ({ step, data, slots }: Expected): unknown => ({
  step,
  data: bitText(data),
  ...bitsOfEach(slots),
});
export const bitsOfEach = (slots: Readonly<Record<string, FloatArray>>) =>
  Object.fromEntries(Object.entries(slots).map(([slot, array]) => [slot, bitText(array)]));

/** Asserts that an optimizer left of each parameter what is expected. */
export function expectResults(
  optimizer: RMSprop,
  parameters: readonly { readonly name: string; readonly data: FloatArray }[],
  expected: readonly Expected[],
): void {
  parameters.forEach((p, i) => {
    expect(resultOf(optimizer, p), `'${p.name}'`).toEqual(expectedResult(expected[i] as Expected));
  });
}

/** What a promise rejects with. A call that throws at once fails. */
export async function rejectionOf(action: () => Promise<unknown>): Promise<unknown> {
  const promise = action();
  expect(promise).toBeInstanceOf(Promise);
  return promise.then(
    () => expect.unreachable("Expected a rejection, but there was none."),
    (error: unknown) => error,
  );
}

/** Holds that a promise rejects with a code and a sentence, and that nothing of the witnesses changes. */
export async function rejects(
  action: () => Promise<unknown>,
  code: OptimErrorCode,
  message: RegExp,
  witnesses: readonly Witness[] = [],
  label?: string,
): Promise<void> {
  const before = snapshot(...witnesses);
  expectRefusal(await rejectionOf(action), code, message, label);
  expect(snapshot(...witnesses), label).toEqual(before);
}
