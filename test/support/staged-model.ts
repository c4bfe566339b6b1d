// A second opinion on staged steps: written from the options' documentation alone, a parameter at a time, without groups'
// plans, backends or tiles in memory.

import type { OptimizerOptions, RMSpropOptions } from "../../lib/index.ts";
import { float32, float64 } from "../../lib/numbers/arithmetic.ts";
import { type FloatArray, numberTypeOf } from "../../lib/numbers/typed-array.ts";
import type { Diagnostic, LossScale } from "../../lib/options/stage-options.ts";
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
export class StagedPart {
  readonly group: number;
  readonly expected: Expected;
  /** The gradients that wait for a step, and of how many calls they are. */
  sum: FloatArray;
  waiting = 0;
  /** The average of the weights; undefined before it has begun. */
  ema: FloatArray | undefined;
  /** How many steps it has taken in. */
  averaged = 0;

  constructor(data: FloatArray, options: RMSpropOptions, group: number) {
    this.group = group;
    this.expected = new Expected(data, options);
    this.sum = data.slice().fill(0);
  }

  get options(): Expected["options"] {
    return this.expected.options;
  }

  /** Takes a step into the average, where it is one of those that the options name. */
  average(before: FloatArray, after: FloatArray): void {
    const { ema: options } = this.options;
    const { step } = this.expected;
    if (!options) return;
    const { decay: most, warmup, start = 1, every = 1 } = options;
    const steps = Array.from({ length: step }, (_, i) => start + i * every);
    if (!steps.includes(step)) return;
    const a = arithmeticOf(after);
    if (this.averaged === 0 && step === start) {
      // It begins as the weights are after that step, whose zeros are positive.
      this.ema = after.map((value) => a.add(0, value)) as FloatArray;
    } else {
      const old = this.averaged === 0 ? before : (this.ema as FloatArray);
      const decay = warmup ? Math.min(most, (1 + this.averaged) / (10 + this.averaged)) : most;
      const [kept, added] = [a.constant(decay), a.constant(1 - decay)];
      this.ema = after.map((value, e) => a.add(a.mul(kept, old[e] as number), a.mul(added, value))) as FloatArray;
    }
    this.averaged++;
  }
}

/** A parameter in a step, with its gradient, and what is read and written instead of its own data. */
export interface Taken {
  readonly part: StagedPart;
  readonly grad: FloatArray;
  readonly data?: FloatArray | undefined;
  readonly out?: FloatArray | undefined;
}

/** A gradient as the rule is to see it: `seen`, multiplied by `left` and by the factor that clips it by its norm. */
interface Prepared extends Taken {
  readonly applies: boolean;
  readonly total: FloatArray;
  readonly seen: FloatArray;
  readonly left: number;
  readonly norm: number;
  readonly factor: number;
  readonly nonFinite: number;
  readonly clipped: number;
}

/**
 * The order in which sums are taken over parameters: by group, of each those that took the same steps together, averaged
 * and accumulated as many, of these those of float32 first.
 */
function inOrder(taken: readonly Taken[]): Taken[] {
  const groups = [...new Set(taken.map(({ part }) => part.group))].sort((a, b) => a - b);
  const keyOf = ({ part: { expected, waiting, averaged } }: Taken) => `${expected.step} ${waiting} ${averaged}`;
  return groups.flatMap((group) => {
    const own = taken.filter(({ part }) => part.group === group);
    const byType = ["float32", "float64"].flatMap((type) => own.filter(({ grad }) => numberTypeOf(grad) === type));
    const keys = [...new Set(byType.map(keyOf))];
    return keys.flatMap((key) => byType.filter((each) => keyOf(each) === key));
  });
}

/** The options of an optimizer as a whole, and what follows from all of its steps. */
export class StagedModel {
  readonly #whole: OptimizerOptions;
  readonly #calls: number;
  readonly #diagnostics: readonly Diagnostic[];
  readonly #lossScale: Readonly<LossScale> | undefined;
  lossScale = 1;
  /** How many calls in a row had finite gradients since the scale last changed. */
  goodSteps = 0;
  /** What `lastStep` is to say beside the step; undefined where nothing is done beside the rule. */
  last: Record<string, number | boolean> | undefined;

  constructor(whole: OptimizerOptions) {
    this.#whole = whole;
    this.#calls = whole.gradientAccumulationSteps ?? 1;
    const all: readonly Diagnostic[] = ["gradNorm", "updateNorm", "largestUpdate", "clipped", "nonFinite"];
    this.#diagnostics = whole.diagnostics === true ? all : whole.diagnostics || [];
    if (!whole.lossScale) return;
    this.#lossScale = { initial: 65536, growthFactor: 2, backoffFactor: 0.5, growthInterval: 2000, ...whole.lossScale };
    this.lossScale = this.#lossScale.initial;
  }

  get #guarded(): boolean {
    return this.#whole.skipNonFinite === true || this.#lossScale !== undefined;
  }

  /** Takes a step. Gradients that it sets to zero, it changes. */
  step(given: readonly Taken[]): void {
    this.#take(
      inOrder(given).map((each) => this.#prepare(each)),
      false,
    );
  }

  /** Takes a step with what waits for one: the gradients are what was summed up, and become the mean of the calls. */
  flush(parts: readonly StagedPart[]): void {
    const waiting = inOrder(parts.filter(({ waiting }) => waiting > 0).map((part) => ({ part, grad: part.sum })));
    if (waiting.length > 0)
      this.#take(
        waiting.map((each) => this.#prepare(each, true)),
        true,
      );
  }

  #take(taken: readonly Prepared[], flushes: boolean): void {
    const stagedAlone = taken.some(({ part: { options } }) => {
      const { clipValue, clipNorm, ema, zeroGrads } = options;
      return clipValue !== null || clipNorm !== null || ema !== null || zeroGrads;
    });
    const asks = this.#guarded || this.#calls > 1 || this.#diagnostics.length > 0;
    const staged = stagedAlone || (taken.length > 0 && (asks || typeof this.#whole.clipGlobalNorm === "number"));

    const applied = taken.filter(({ applies }) => applies);
    const sumOf = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0);
    const gradNorm = Math.sqrt(sumOf(applied.map(({ norm }) => norm * norm)));
    const clippedNorm = Math.sqrt(sumOf(applied.map(({ norm, factor }) => norm * factor * (norm * factor))));
    const nonFinite = sumOf(taken.map((each) => each.nonFinite));
    const skipped = this.#guarded && nonFinite > 0;
    const waiting = taken.map(({ applies, part }) => (skipped ? part.waiting : applies ? 0 : part.waiting + 1));
    const found: Record<string, number | boolean> = { skipped };
    if (this.#calls > 1) found.accumulated = Math.max(0, ...waiting);
    if (this.#guarded || this.#asks("nonFinite")) found.nonFinite = nonFinite;
    if (applied.length > 0) {
      if (typeof this.#whole.clipGlobalNorm === "number" || this.#asks("gradNorm")) found.gradNorm = gradNorm;
      if (this.#asks("clipped")) found.clipped = sumOf(applied.map(({ clipped }) => clipped));
    }
    this.last = staged ? found : undefined;
    if (taken.length > 0 && !flushes) this.#moveScale(skipped);
    if (skipped) return;

    const globalFactor = least(this.#whole.clipGlobalNorm, clippedNorm);
    const changes = taken.map((each) => this.#change(each, globalFactor, flushes));
    const updateNorm = Math.sqrt(sumOf(changes.map(({ squares }) => squares)));
    const largest = Math.max(0, ...changes.map((change) => change.largest));
    if (applied.length === 0) return;
    if (this.#asks("updateNorm")) found.updateNorm = updateNorm;
    if (this.#asks("largestUpdate")) found.largestUpdate = Number.isNaN(updateNorm) ? updateNorm : largest;
  }

  #asks(diagnostic: Diagnostic): boolean {
    return this.#diagnostics.includes(diagnostic);
  }

  #prepare(taken: Taken, flushes = false): Prepared {
    const { grad, part } = taken;
    const { gradScale, clipValue, clipNorm } = part.options;
    const applies = flushes || part.waiting + 1 >= this.#calls;
    const accumulates = !flushes && this.#calls > 1;
    const a = arithmeticOf(grad);
    const scale = flushes ? this.#calls / part.waiting : gradScale / (this.lossScale * this.#calls);
    const total = accumulates
      ? (grad.map((g, e) => a.add(part.sum[e] as number, a.mul(a.constant(scale), g))) as FloatArray)
      : grad.slice();
    const nonFinite = total.filter((value) => !Number.isFinite(value)).length;
    let left = accumulates ? 1 : scale;
    let seen = total;
    let clipped = 0;
    if (applies && typeof clipValue === "number") {
      const limit = a.constant(clipValue);
      const scaled = seen.map((value) => a.mul(a.constant(left), value)) as FloatArray;
      clipped = scaled.filter((value) => Math.abs(value) > limit).length;
      seen = scaled.map((value) => (value > limit ? limit : value < -limit ? -limit : value)) as FloatArray;
      left = 1;
    }
    const norm = Math.sqrt(squaresOf(seen)) * left;
    return { ...taken, applies, total, seen, left, norm, factor: least(clipNorm, norm), nonFinite, clipped };
  }

  #change(prepared: Prepared, globalFactor: number, flushes: boolean): { squares: number; largest: number } {
    const { part, grad, total, seen, left, factor, applies } = prepared;
    const { expected, options } = part;
    const change = { squares: 0, largest: 0 };
    if (applies) {
      const a = arithmeticOf(grad);
      const data = prepared.data ?? expected.data;
      const out = prepared.out ?? data;
      const before = data.slice();
      expected.take(seen, data, out, left * (factor * globalFactor));
      const changes = out.map((value, e) => a.sub(value, before[e] as number)) as FloatArray;
      change.squares = squaresOf(changes);
      for (const value of changes) if (Math.abs(value) > change.largest) change.largest = Math.abs(value);
      part.average(before, out);
    }
    if (this.#calls > 1) part.sum.set(applies ? part.sum.slice().fill(0) : total);
    part.waiting = applies ? 0 : part.waiting + 1;
    if (options.zeroGrads && !flushes) grad.fill(0);
    return change;
  }

  #moveScale(skipped: boolean): void {
    if (!this.#lossScale) return;
    const { growthFactor, backoffFactor, growthInterval } = this.#lossScale;
    if (skipped) {
      this.lossScale *= backoffFactor;
      this.goodSteps = 0;
    } else if (++this.goodSteps >= growthInterval) {
      this.lossScale *= growthFactor;
      this.goodSteps = 0;
    }
    this.lossScale = Math.min(Math.max(this.lossScale, 2 ** -126), 2 ** 127);
  }
}
