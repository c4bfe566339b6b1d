import { lengthOf, type NumberType } from "../numbers/typed-array.ts";
import type { BackendGroup, ParameterArrays, Run, RunStages, Stages } from "./backend.ts";
import { tileSize } from "./limits.ts";

const { fround } = Math;

/** The numbers that the stages of a tile work on: those of the parameter's arrays, and two scratch tiles. */
export type Stream = "param" | "grad" | "average" | "accumulated" | "gradScratch" | "paramScratch";

/**
 * The stages over one tile at a time: native/backend.hpp's tables, or their twins (stages.ts). Each rounds the numbers it
 * is given to the number type of the tile.
 */
export interface TileStages {
  /** Takes up elements [begin, end) of a parameter, at most a tile. `param` is read in `data` and written in `out`. */
  enter(parameter: ParameterArrays, type: NumberType, begin: number, end: number): void;
  /** Leaves them: what the stages wrote is in the parameter's arrays. */
  leave(): void;
  /** Applies the rule to `param` and the slots. `to` is `param` or `paramScratch`. */
  rule(group: BackendGroup, variant: number, coefficients: readonly number[], grad: Stream, to: Stream): void;
  sumOfSquares(x: Stream): number;
  countNonFinite(x: Stream): number;
  /** How many values of `scale * x` have a magnitude above `limit`. */
  countAbove(x: Stream, scale: number, limit: number): number;
  /** `to = accumulated + scale * grad` */
  accumulate(to: Stream, scale: number): void;
  /** `to = scale * from`, kept from -limit to limit. */
  clip(to: Stream, from: Stream, scale: number, limit: number): void;
  /** Puts `paramScratch` in the place of `param`. The sum of the changes' squares, and the largest magnitude of one. */
  store(): { readonly squares: number; readonly largest: number };
  /** `average = decay * average + oneMinusDecay * param` */
  averageIn(decay: number, oneMinusDecay: number): void;
  zero(x: Stream): void;
}

/** One parameter in a staged step. */
interface Part {
  readonly group: BackendGroup;
  readonly run: Run;
  readonly stages: RunStages;
  readonly parameter: ParameterArrays;
  /** The sums of the squares of its gradient and of its update, tile by tile. */
  gradSquares: number;
  updateSquares: number;
  /** What clipping by norm multiplies its gradient by. */
  factor: number;
  /** The run's, with that factor in the first. */
  readonly coefficients: number[];
}

/** The coefficient `gradScale`, through which gradients are clipped by norm, is the first of every rule. */
const gradScale = 0;

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
function coefficientBy(factor: number, x: number, type: NumberType): number {
  const product = scaledBy(factor, x);
  if (type === "float64" || !(factor < 1)) return product;
  const rounded = fround(product);
  const isAbove = Math.abs(rounded) > Math.abs(product) && Math.abs(rounded) < leastNormal.float32;
  return isAbove ? rounded - Math.sign(rounded) * leastStep.float32 : product;
}

/**
 * Takes a staged step: the one place in TypeScript that has the order of the stages. The twin of native/pipeline.cpp. Sums
 * are taken over the tiles of a parameter in order, then over the parameters in order, so that no bit depends on more.
 */
export function stepStaged(
  groups: readonly BackendGroup[],
  runs: readonly Run[],
  stages: Stages,
  tiles: TileStages,
): void {
  const parts = runs.flatMap((run) => partsOf(groups[run.group] as BackendGroup, run));
  const step = new StagedStep(parts, stages, tiles);
  step.take();
}

function partsOf(group: BackendGroup, run: Run): Part[] {
  const { parameters } = group;
  const chosen = run.selection ? run.selection.map((i) => parameters[i] as ParameterArrays) : parameters;
  const stages = run.stages as RunStages;
  return chosen.map((parameter) => ({
    ...{ group, run, stages, parameter },
    ...{ gradSquares: 0, updateSquares: 0, factor: 1, coefficients: [...run.coefficients] },
  }));
}

class StagedStep {
  readonly #parts: readonly Part[];
  readonly #stages: Stages;
  readonly #tiles: TileStages;
  readonly #clipsByNorm: boolean;
  readonly #measuresNorm: boolean;
  readonly #countsNonFinite: boolean;

  constructor(parts: readonly Part[], stages: Stages, tiles: TileStages) {
    const { clipGlobalNorm, measures, skipNonFinite } = stages;
    this.#parts = parts;
    this.#stages = stages;
    this.#tiles = tiles;
    const infinity = Number.POSITIVE_INFINITY;
    this.#clipsByNorm = clipGlobalNorm < infinity || parts.some(({ stages }) => stages.clipNorm < infinity);
    this.#measuresNorm = this.#clipsByNorm || measures.gradNorm;
    this.#countsNonFinite = skipNonFinite || measures.nonFinite;
  }

  take(): void {
    const { report, skipNonFinite } = this.#stages;
    Object.assign(report, { skipped: false, nonFinite: 0, clipped: 0 });
    Object.assign(report, { gradNorm: Number.NaN, updateNorm: Number.NaN, largestUpdate: Number.NaN });
    // What must be known of all gradients before anything may change takes a pass of its own.
    const first = skipNonFinite || this.#clipsByNorm;
    if (first) {
      this.#overTiles((part) => this.#makeGrad(part, true));
      this.#finishNorms();
      report.skipped = skipNonFinite && report.nonFinite > 0;
      if (report.skipped) return;
    }
    let largest = 0;
    this.#overTiles((part) => {
      const change = this.#change(part, !first);
      if (change > largest) largest = change;
    });
    if (!first) this.#finishNorms();
    if (this.#stages.measures.update) {
      const squares = this.#parts.reduce((sum, { updateSquares }) => sum + updateSquares, 0);
      report.updateNorm = Math.sqrt(squares);
      report.largestUpdate = Number.isNaN(squares) ? squares : largest;
    }
  }

  #overTiles(work: (part: Part) => void): void {
    for (const part of this.#parts) {
      const length = lengthOf(part.parameter.data);
      for (let begin = 0; begin < length; begin += tileSize) {
        this.#tiles.enter(part.parameter, part.group.type, begin, Math.min(begin + tileSize, length));
        work(part);
        this.#tiles.leave();
      }
    }
  }

  /** Makes the gradient that the rule is to see, and says where it lies. On the way it measures, if asked. */
  #makeGrad(part: Part, measures: boolean): Stream {
    const { report, measures: asked } = this.#stages;
    const { accumulates, applies, scale, clipValue } = part.stages;
    const tiles = this.#tiles;
    const clips = applies && clipValue < Number.POSITIVE_INFINITY;
    const norm = measures && applies && this.#measuresNorm;
    const counts = measures && this.#countsNonFinite;
    let grad: Stream = "grad";
    if (accumulates) {
      tiles.accumulate("gradScratch", scale);
      grad = "gradScratch";
    }
    if (counts && (clips || !norm)) report.nonFinite += tiles.countNonFinite(grad);
    if (clips) {
      const rest = accumulates ? 1 : scale;
      if (measures && asked.clipped) report.clipped += tiles.countAbove(grad, rest, clipValue);
      tiles.clip("gradScratch", grad, rest, clipValue);
      grad = "gradScratch";
    }
    if (norm) {
      const squares = tiles.sumOfSquares(grad);
      part.gradSquares += squares;
      // A finite sum is one of finite values, so that they are counted only where it is not.
      if (counts && !clips && !(squares < Number.POSITIVE_INFINITY)) report.nonFinite += tiles.countNonFinite(grad);
    }
    return grad;
  }

  /** From the sums of squares to norms, and to what they clip by. */
  #finishNorms(): void {
    if (!this.#measuresNorm) return;
    const { report, clipGlobalNorm } = this.#stages;
    let squares = 0;
    let clippedSquares = 0;
    for (const part of this.#parts) {
      const { accumulates, applies, scale, clipValue, clipNorm } = part.stages;
      if (!applies) continue;
      const scaled = accumulates || clipValue < Number.POSITIVE_INFINITY;
      const norm = Math.sqrt(part.gradSquares) * (scaled ? 1 : scale);
      part.factor = factorTo(clipNorm, norm);
      const clipped = norm * part.factor;
      squares += norm * norm;
      clippedSquares += clipped * clipped;
    }
    report.gradNorm = Math.sqrt(squares);
    const factor = factorTo(clipGlobalNorm, Math.sqrt(clippedSquares));
    for (const part of this.#parts) {
      part.factor = scaledBy(factor, part.factor);
      const whole = part.run.coefficients[gradScale] as number;
      part.coefficients[gradScale] = coefficientBy(part.factor, whole, part.group.type);
    }
  }

  /** Steps a tile, and returns the magnitude of its largest change, if that is measured. */
  #change(part: Part, measures: boolean): number {
    const { group, run, stages, coefficients } = part;
    const tiles = this.#tiles;
    const grad = measures || stages.applies ? this.#makeGrad(part, measures) : "grad";
    let largest = 0;
    if (stages.applies) {
      const measuresUpdate = this.#stages.measures.update;
      tiles.rule(group, run.variant, coefficients, grad, measuresUpdate ? "paramScratch" : "param");
      if (measuresUpdate) {
        const change = tiles.store();
        part.updateSquares += change.squares;
        largest = change.largest;
      }
      if (stages.averages) tiles.averageIn(stages.decay, stages.oneMinusDecay);
      if (stages.accumulates) tiles.zero("accumulated");
    } else {
      tiles.accumulate("accumulated", stages.scale);
    }
    if (stages.zeroes) tiles.zero("grad");
    return largest;
  }
}
