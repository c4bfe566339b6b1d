// A walk's gradients that a step makes: factors and lists, with what their arrays must hold.
import { type FloatArray, numberTypeOf } from "../../../lib/numbers/typed-array.ts";
import { multiplied, type Shape, summed } from "../sources.ts";
import type { Tracked, WalkState } from "./state.ts";

/** An array, and what it must hold. */
interface Part {
  readonly found: FloatArray;
  readonly expected: FloatArray;
}

export interface MadeGradient {
  /** As an optimizer, or a call, gets it. */
  readonly given: object;
  readonly shape: readonly number[];
  readonly parts: readonly Part[];
  /** The most rows that the batch of factors may have; undefined of a list. */
  readonly rows: number | undefined;
  /** The gradient that a step makes now. */
  form(): FloatArray;
  /** Sets to zero what a step does, in the model. */
  zero(): void;
}

const partOf = (found: FloatArray): Part => ({ found, expected: found.slice() });

const typeOf = (array: FloatArray | undefined) => numberTypeOf(array) as "float32" | "float64";

export function listOf(given: readonly FloatArray[], shape: readonly number[]): MadeGradient {
  const parts = given.map(partOf);
  const arrays = parts.map(({ expected }) => expected);
  return {
    ...{ given, shape, parts, rows: undefined },
    form: () => summed(typeOf(arrays[0]), arrays),
    zero: () => {
      for (const array of arrays) array.fill(0);
    },
  };
}

/** @param rows The rows of x and y. */
export function factorsOf(
  x: FloatArray | null,
  y: FloatArray,
  rows: number,
  shape: Shape,
  transposed: boolean,
): MadeGradient {
  const given = { x, y, batch: rows, ...(transposed && { transposed }) };
  const [left, right] = [x && partOf(x), partOf(y)];
  return {
    ...{ given, shape, parts: left ? [left, right] : [right], rows },
    form: () => multiplied(typeOf(y), shape, { x: left?.expected ?? null, y: right.expected, transposed }, given.batch),
    zero: () => {},
  };
}

/** The gradient that a step of a parameter takes, where it is given none. */
export const gradientOf = ({ made, expectedGrad }: Tracked) => made?.form() ?? expectedGrad;

/** What a call is given in the place of a parameter's own gradient. */
export const givenOf = ({ made, grad }: Tracked) => made?.given ?? grad;

/** Sets another number of rows, in the middle of a step or between two. */
export function setBatch(walk: WalkState): void {
  const parameter = walk.one(walk.parameters.filter(({ made }) => made?.rows !== undefined));
  if (!parameter) return;
  const { rows, given } = parameter.made as MadeGradient & { rows: number };
  const isHeld = walk.trainees.some(({ entries }) => entries.get(parameter.name)?.placed);
  const bad = isHeld && walk.chance(0.2);
  const batch = bad ? walk.one([-1, 0.5, rows + 1, null, Number.NaN]) : walk.pick(rows + 1);
  walk.call("set a batch", bad ? "ERR_OPTION" : undefined, () => Object.assign(given, { batch }));
}

/** Assigns other factors, which nothing would read. */
export function assignFactors(walk: WalkState, { made }: Tracked): void {
  if (made?.rows === undefined) return;
  walk.call("assign factors", "ERR_OPTION", () => Object.assign(made.given, { y: new Float32Array(1) }));
}
