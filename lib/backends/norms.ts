// Norms of gradients and of updates, made of the sums of tiles, and the factors that bring norms down to limits. The twin of
// native/norms.hpp.
import type { NumberType } from "../numbers/typed-array.ts";
import type { Stages } from "./backend.ts";
import type { StageMemory, WholeTiles } from "./stage-memory.ts";

const { fround } = Math;

// To the nearest, a quotient or product among the subnormal numbers may come out twice as large as it is, and a norm that it
// brings down to a limit would then lie above it. There it is taken down to the next number; all others are rounded as ever.

/** The least normal number of each type, 2^-126 and 2^-1022, and the distance of those below it, 2^-149 and 2^-1074. */
const leastNormal: Readonly<Record<NumberType, number>> = {
  float32: 1.1754943508222875e-38,
  float64: 2.2250738585072014e-308,
};
const leastStep: Readonly<Record<NumberType, number>> = { float32: 1.401298464324817e-45, float64: 5e-324 };

/** 2^600: brings subnormal numbers to where products are rounded to 53 bits, with room for those of two of them. */
const normalizing = 4.149515568880993e180;

/** The factor that brings a norm down to a limit: at most 1, and NaN for a norm that is NaN, if there is a limit. */
function factorTo(limit: number, norm: number): number {
  if (limit === Number.POSITIVE_INFINITY) return 1;
  const factor = limit / norm;
  const isAbove = factor < leastNormal.float64 && factor * normalizing * norm > limit * normalizing;
  if (isAbove) return factor - leastStep.float64;
  return 1 < factor ? 1 : factor;
}

/** `x * factor`, for a factor from 0 to 1 or NaN. */
function scaledBy(factor: number, x: number): number {
  const product = x * factor;
  const isAbove =
    Math.abs(product) < leastNormal.float64 && Math.abs(product) * normalizing > Math.abs(x * normalizing * factor);
  return isAbove ? product - Math.sign(product) * leastStep.float64 : product;
}

/** The same as a coefficient of a number type, which rounds it. */
export function coefficientBy(factor: number, x: number, type: NumberType): number {
  const product = scaledBy(factor, x);
  if (type === "float64" || !(factor < 1)) return product;
  const rounded = fround(product);
  const isAbove = Math.abs(rounded) > Math.abs(product) && Math.abs(rounded) < leastNormal.float32;
  return isAbove ? rounded - Math.sign(rounded) * leastStep.float32 : product;
}

/**
 * From the sums of all tiles of the table to the norm of gradients, which goes into the report, and to the factor of each
 * whole parameter.
 */
export function finishNorms(
  wholes: readonly WholeTiles[],
  { report, clipGlobalNorm }: Stages,
  { gradSquares, factors }: StageMemory,
): void {
  let squares = 0;
  let clippedSquares = 0;
  wholes.forEach(({ stages, place, tiles }, whole) => {
    const { accumulates, applies, scale, clipValue, clipNorm } = stages;
    if (!applies) return;
    let sum = 0;
    for (let tile = place; tile < place + tiles; tile++) sum += gradSquares[tile] as number;
    const scaled = accumulates || clipValue < Number.POSITIVE_INFINITY;
    const norm = Math.sqrt(sum) * (scaled ? 1 : scale);
    const factor = factorTo(clipNorm, norm);
    factors[whole] = factor;
    const clipped = norm * factor;
    squares += norm * norm;
    clippedSquares += clipped * clipped;
  });
  report.gradNorm = Math.sqrt(squares);
  const factor = factorTo(clipGlobalNorm, Math.sqrt(clippedSquares));
  for (let i = 0; i < wholes.length; i++) factors[i] = scaledBy(factor, factors[i] as number);
}

/** The same for the report of updates. */
export function finishUpdates(
  wholes: readonly WholeTiles[],
  { report }: Stages,
  { updateSquares, largestUpdate }: StageMemory,
): void {
  let squares = 0;
  let largest = 0;
  for (const { place, tiles } of wholes) {
    let sum = 0;
    for (let tile = place; tile < place + tiles; tile++) {
      sum += updateSquares[tile] as number;
      if (largest < (largestUpdate[tile] as number)) largest = largestUpdate[tile] as number;
    }
    squares += sum;
  }
  report.updateNorm = Math.sqrt(squares);
  report.largestUpdate = Number.isNaN(squares) ? squares : largest;
}
