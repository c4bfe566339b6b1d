// A second opinion on staged steps: written from the options' documentation alone, a parameter at a time, without groups'
// plans, backends or tiles in memory.
import { float32, float64 } from "../../lib/arithmetic.ts";
import type { OptimizerOptions, RMSpropOptions } from "../../lib/index.ts";
import type { LossScale } from "../../lib/stage-options.ts";
import { type FloatArray, numberTypeOf } from "../../lib/typed-array.ts";
import { Expected } from "./steps.ts";

const arithmeticOf = (array: FloatArray) => (numberTypeOf(array) === "float32" ? float32 : float64);

/** The sum of squares as DESIGN has it: 16 sums in turn in each tile of 1,024, joined in pairs; then tile by tile. */
export function squaresOf(values: ArrayLike<number>): number {
  let total = 0;
  for (let begin = 0; begin < values.length; begin += 1024) {
    let sums = new Array<number>(16).fill(0);
    for (let i = begin; i < Math.min(begin + 1024, values.length); i++) {
      const value = values[i] as number;
      sums[(i - begin) % 16] = (sums[(i - begin) % 16] as number) + value * value;
    }
    while (sums.length > 1) {
      const half = sums.length / 2;
      sums = sums.slice(0, half).map((sum, lane) => sum + (sums[lane + half] as number));
    }
    total += sums[0] as number;
  }
  return total;
}

const least = (limit: number | null | undefined, norm: number) => {
  if (limit === null || limit === undefined) return 1;
  return limit / norm > 1 ? 1 : limit / norm;
};

/** One parameter of the model. */
interface Part {
  readonly group: number;
  readonly expected: Expected;
  readonly options: RMSpropOptions;
  sum: FloatArray;
  ema: FloatArray;
}

export class StagedModel {
  readonly parts: Part[] = [];
  readonly #whole: OptimizerOptions;
  readonly #lossScale: Readonly<LossScale> | undefined;
  lossScale = 1;
  #good = 0;
  #calls = 0;
  last: Record<string, number | boolean> = {};

  constructor(whole: OptimizerOptions) {
    this.#whole = whole;
    if (!whole.lossScale) return;
    this.#lossScale = { initial: 65536, growthFactor: 2, backoffFactor: 0.5, growthInterval: 2000, ...whole.lossScale };
    this.lossScale = this.#lossScale.initial;
  }

  /** The order in which sums are taken over parameters: by group, of each those of float32 first. */
  get #order(): number[] {
    const isDouble = ({ expected }: Part) => (numberTypeOf(expected.data) === "float64" ? 1 : 0);
    const byOrder = (a: Part, b: Part) => a.group - b.group || isDouble(a) - isDouble(b);
    return this.parts.toSorted(byOrder).map((part) => this.parts.indexOf(part));
  }

  add(data: FloatArray, options: RMSpropOptions, group: number): void {
    const zeros = () => data.slice().fill(0);
    this.parts.push({ group, expected: new Expected(data, options), options, sum: zeros(), ema: zeros() });
  }

  /** Takes a step with these gradients; those that it sets to zero, it changes. */
  step(gradients: readonly FloatArray[]): void {
    const { clipGlobalNorm, gradientAccumulationSteps: calls = 1, skipNonFinite } = this.#whole;
    const applies = this.#calls + 1 === calls;
    let nonFinite = 0;
    let clipped = 0;
    const prepared = this.parts.map(({ options, sum }, i) => {
      const grad = gradients[i] as FloatArray;
      const a = arithmeticOf(grad);
      const scale = (options.gradScale ?? 1) / (this.lossScale * calls);
      const total = calls > 1 ? grad.map((g, e) => a.add(sum[e] as number, a.mul(a.constant(scale), g))) : grad.slice();
      nonFinite += total.filter((value) => !Number.isFinite(value)).length;
      let left = calls > 1 ? 1 : scale;
      let seen = total as FloatArray;
      if (applies && typeof options.clipValue === "number") {
        const limit = a.constant(options.clipValue);
        const scaled = seen.map((value) => a.mul(a.constant(left), value)) as FloatArray;
        clipped += scaled.filter((value) => Math.abs(value) > limit).length;
        seen = scaled.map((value) => (value > limit ? limit : value < -limit ? -limit : value)) as FloatArray;
        left = 1;
      }
      const norm = Math.sqrt(squaresOf(seen)) * left;
      return { total, seen, left, norm, factor: least(options.clipNorm, norm) };
    });
    const sumOf = (values: readonly number[]) => this.#order.reduce((sum, i) => sum + (values[i] as number), 0);
    const gradNorm = Math.sqrt(sumOf(prepared.map(({ norm }) => norm * norm)));
    const clippedNorm = Math.sqrt(sumOf(prepared.map(({ norm, factor }) => norm * factor * (norm * factor))));
    const skipped = (skipNonFinite === true || this.#lossScale !== undefined) && nonFinite > 0;
    this.last = { skipped, ...(calls > 1 ? { accumulated: this.#calls } : {}), nonFinite };
    if (applies) Object.assign(this.last, { gradNorm, clipped });
    this.#moveScale(skipped);
    if (skipped) return;
    this.#calls = applies ? 0 : this.#calls + 1;
    if (calls > 1) this.last.accumulated = this.#calls;

    const globalFactor = least(clipGlobalNorm, clippedNorm);
    let largest = 0;
    const updates = this.parts.map(({ expected, options, sum, ema }, i) => {
      const { total, seen, left, factor } = prepared[i] as (typeof prepared)[number];
      const a = arithmeticOf(total);
      let squares = 0;
      if (applies) {
        const before = expected.data.slice();
        expected.take(seen, expected.data, expected.data, left * (factor * globalFactor));
        const change = expected.data.map((value, e) => a.sub(value, before[e] as number)) as FloatArray;
        squares = squaresOf(change);
        for (const value of change)
          largest = Number.isNaN(value) || Math.abs(value) > largest ? Math.abs(value) : largest;
        if (options.ema) {
          const decay = expected.step === 1 ? 0 : options.ema.decay;
          const [kept, added] = [a.constant(decay), a.constant(1 - decay)];
          for (const [e, value] of expected.data.entries()) {
            ema[e] = a.add(a.mul(kept, ema[e] as number), a.mul(added, value));
          }
        }
        sum.fill(0);
      } else {
        sum.set(total);
      }
      if (options.zeroGrads) (gradients[i] as FloatArray).fill(0);
      return squares;
    });
    const updateNorm = Math.sqrt(sumOf(updates));
    if (applies)
      Object.assign(this.last, { updateNorm, largestUpdate: Number.isNaN(updateNorm) ? updateNorm : largest });
  }

  #moveScale(skipped: boolean): void {
    if (!this.#lossScale) return;
    const { growthFactor, backoffFactor, growthInterval } = this.#lossScale;
    if (skipped) {
      this.lossScale *= backoffFactor;
      this.#good = 0;
    } else if (++this.#good === growthInterval) {
      this.lossScale *= growthFactor;
      this.#good = 0;
    }
  }
}
