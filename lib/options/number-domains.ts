// The domains of options for float32 parameters, where they are narrower than in double precision: a finite number may
// be infinite in float32, and a small one may be 0. Options for which 0 has another meaning (no epsilon, no scale, a
// step size that never moves) must not become 0: the result would be 0 / 0, or a step that does nothing, without an
// error. A rate, a weight decay or the addend of a gain may fall below float32's numbers: schedules decay through
// there, and a step that does nothing is then the right one.

import { OptimError } from "../errors.ts";
import type { NumberType } from "../numbers/typed-array.ts";
import { show } from "../values/show.ts";
import type { Float32Domain, OptionTable } from "./option.ts";

const { fround } = Math;

const most = "3.4028234663852886e+38";

const least = "1.401298464324817e-45";

/** Whether a number is finite in float32. */
export const isFinite32 = (value: number): boolean => Math.abs(fround(value)) < Number.POSITIVE_INFINITY;

/** Whether a number is finite in float32, and 0 there only if it is 0. */
export const isKept32 = (value: number): boolean => isFinite32(value) && (value === 0 || fround(value) !== 0);

const numbersOf = (value: unknown): number[] =>
  (typeof value === "object" && value !== null ? Object.values(value) : [value]).filter(
    (inner) => typeof inner === "number",
  );

/** Whether every number in a value passes: of one, of several, or of a value without any. */
const all = (accepts: (value: number) => boolean) => (value: unknown) => numbersOf(value).every(accepts);

export const finite32: Float32Domain = { domain: `at most ${most}`, accepts: all(isFinite32) };

export const kept32: Float32Domain = { domain: `0, or from ${least} to ${most}`, accepts: all(isKept32) };

export const positive32: Float32Domain = { domain: `from ${least} to ${most}`, accepts: all(isKept32) };

/** A decay that rounds to 1 keeps all, and still adds `1 - decay`: an average that grows without bound. */
export const decay32: Float32Domain = {
  domain: "1, or below 0.9999999701976776",
  accepts: all((value) => value === 1 || fround(value) < 1),
};

/** A parameter's name, for errors, and the number type that a value has to fit. */
interface Typed {
  readonly name: string;
  readonly type: NumberType;
}

/** @throws OptimError ERR_OPTION where one of the parameters is float32 and cannot have an option's value. */
export function checkFloat32<O extends object>(
  table: OptionTable,
  options: O,
  parameters: readonly Typed[],
  names: readonly string[] = Object.keys(table),
): void {
  const narrow = parameters.find(({ type }) => type === "float32");
  if (!narrow) return;
  for (const name of names) {
    const value = (options as Record<string, unknown>)[name];
    const { float32 } = table[name] ?? {};
    if (!float32 || float32.accepts(value)) continue;
    throw notIn32(`'${name}'`, float32, narrow.name, numbersOf(value));
  }
}

/** The error of a value that a float32 parameter cannot have. */
export function notIn32(
  what: string,
  { domain }: Float32Domain,
  parameter: string,
  found: number | number[],
): OptimError {
  const shown = [found].flat().map(show).join(", ");
  return new OptimError(
    "ERR_OPTION",
    `Expected ${what} to be ${domain} for '${parameter}', which is float32, but it is ${shown}.`,
  );
}

/** Formulas of coefficients that come of several options. */
const formulas: Readonly<Record<string, string>> = {
  gradScale: "gradScale / (lossScale * gradientAccumulationSteps)",
  paramDecay: "1 - lr * weightDecay",
};

/**
 * Checks finished coefficients, or the factors of stages, in the number type of a parameter: each must be finite there,
 * and the scale of the gradients not 0.
 * @throws OptimError ERR_OPTION.
 */
export function checkCoefficients(
  names: readonly string[],
  values: readonly number[],
  { name: parameter, type }: Typed,
): void {
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    const rounded = type === "float32" ? fround(value) : value;
    // A comparison, which an infinity and NaN fail.
    if (Math.abs(rounded) < Number.POSITIVE_INFINITY && (rounded !== 0 || names[i] !== "gradScale")) continue;
    throw notHeld(names[i] as string, value, rounded, parameter, type);
  }
}

function notHeld(name: string, value: number, rounded: number, parameter: string, type: NumberType): OptimError {
  return new OptimError(
    "ERR_OPTION",
    `Expected ${formulas[name] ?? name} to be a number that ${type} holds, as '${parameter}' is, ` +
      `but it is ${show(value)}${rounded === 0 ? ", which is 0 there" : ""}.`,
  );
}
