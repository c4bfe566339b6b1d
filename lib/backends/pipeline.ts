import { fillWith, lengthOf, type NumberType } from "../numbers/typed-array.ts";
import { gradScale } from "../rules/rule.ts";
import type { BackendGroup, ParameterArrays, Run, RunStages, Stages } from "./backend.ts";
import { type Needs, needsOf } from "./columns.ts";
import type { Layout, Piece } from "./layout.ts";
import { tileSize } from "./limits.ts";
import { coefficientBy, finishNorms, finishUpdates } from "./norms.ts";
import { type StageMemory, tilesOf, type WholeTiles } from "./stage-memory.ts";

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
interface Part extends Piece {
  readonly group: BackendGroup;
  readonly run: Run;
  readonly stages: RunStages;
  readonly parameter: ParameterArrays;
  /** The run's, with what clipping by norm multiplies the gradient by in the first. */
  readonly coefficients: number[];
}

function partsOf(groups: readonly BackendGroup[], runs: readonly Run[], layout?: Layout): Part[] {
  let place = 0;
  let index = 0;
  return runs.flatMap((run) => {
    const group = groups[run.group] as BackendGroup;
    const { parameters } = group;
    const chosen = run.selection ? run.selection.map((i) => parameters[i] as ParameterArrays) : parameters;
    const stages = run.stages as RunStages;
    return chosen.map((parameter) => {
      const piece = layout ? (layout.pieces[index] as Piece) : { whole: index, place };
      index++;
      place += tilesOf(parameter);
      return { ...piece, group, run, stages, parameter, coefficients: [...run.coefficients] };
    });
  });
}

function wholesOf(parts: readonly Part[], runs: readonly Run[], layout?: Layout): readonly WholeTiles[] {
  if (!layout) return parts.map(({ stages, place, parameter }) => ({ stages, place, tiles: tilesOf(parameter) }));
  return layout.wholes.map(({ run, place, tiles }) => {
    return { stages: (runs[run] as Run).stages as RunStages, place, tiles };
  });
}

/** The table of tiles that `change` comes to. */
export type Table = "empty" | "finished";

/**
 * A staged step: the one place in TypeScript that has the order of the stages. The twin of native/pipeline.cpp and
 * native/pass.cpp. Sums are taken over the tiles of a whole parameter in order, then over the whole parameters in order, so
 * that no bit depends on more.
 */
export class StagedStep {
  readonly #parts: readonly Part[];
  readonly #wholes: readonly WholeTiles[];
  readonly #stages: Stages;
  readonly #tiles: TileStages;
  readonly #memory: StageMemory;
  readonly #needs: Needs;

  /** @param layout Default: every parameter of the runs is a whole one. */
  constructor(
    groups: readonly BackendGroup[],
    runs: readonly Run[],
    stages: Stages,
    tiles: TileStages,
    memory: StageMemory,
    layout?: Layout,
  ) {
    this.#parts = partsOf(groups, runs, layout);
    this.#wholes = wholesOf(this.#parts, runs, layout);
    this.#stages = stages;
    this.#tiles = tiles;
    this.#memory = memory;
    this.#needs = needsOf(runs, stages);
  }

  /** Both halves, or the second alone where that does. */
  take(): void {
    const { first } = this.#needs;
    if (first) this.measure();
    this.change(first ? "finished" : "empty");
  }

  /** The tiles of the table that the step takes. */
  get rows(): { readonly begin: number; readonly end: number }[] {
    return this.#parts.map(({ place, parameter }) => ({ begin: place, end: place + tilesOf(parameter) }));
  }

  /** The first half: fills the tiles of its parameters in the table. Changes nothing else. */
  measure(): void {
    this.#clear();
    this.#overTiles((part, tile) => this.#makeGrad(part, tile, true));
  }

  /**
   * The second half. It takes a finished table as it is, whoever measured its tiles. It fills an empty one on its way, which
   * does for a step that need not measure first. It is `decide`, `changeTiles` and `finishReport`.
   */
  change(table: Table): void {
    this.decide(table);
    this.changeTiles(table);
    this.finishReport(table);
  }

  /**
   * From a finished table to the factors of all whole parameters, and to a report that says whether the step is skipped. Of
   * an empty table no factor is known to be other than 1, and no step is skipped.
   */
  decide(table: Table): void {
    const { report, skipNonFinite } = this.#stages;
    Object.assign(report, { skipped: false, nonFinite: 0, clipped: 0 });
    Object.assign(report, { gradNorm: Number.NaN, updateNorm: Number.NaN, largestUpdate: Number.NaN });
    fillWith(this.#memory.factors, 1);
    if (table === "empty") return;
    this.#finishGradients();
    report.skipped = skipNonFinite && report.nonFinite > 0;
  }

  /** Changes the parameters by those factors, unless the step is skipped. Fills their tiles of an empty table. */
  changeTiles(table: Table): void {
    if (this.#stages.report.skipped) return;
    const measures = table === "empty";
    if (measures) this.#clear();
    for (const { whole, group, run, coefficients } of this.#parts) {
      const factor = this.#memory.factors[whole] as number;
      coefficients[gradScale] = coefficientBy(factor, run.coefficients[gradScale] as number, group.type);
    }
    this.#overTiles((part, tile) => this.#change(part, tile, measures));
  }

  /** The rest of the report, of a table in which all tiles are filled, whoever changed them. */
  finishReport(table: Table): void {
    if (this.#stages.report.skipped) return;
    if (table === "empty") this.#finishGradients();
    if (this.#stages.measures.update) finishUpdates(this.#wholes, this.#stages, this.#memory);
  }

  /** Others may have filled the other tiles already. */
  #clear(): void {
    for (const { begin, end } of this.rows) this.#memory.clear(begin, end);
  }

  #overTiles(work: (part: Part, tile: number) => void): void {
    for (const part of this.#parts) {
      const length = lengthOf(part.parameter.data);
      for (let begin = 0; begin < length; begin += tileSize) {
        this.#tiles.enter(part.parameter, part.group.type, begin, Math.min(begin + tileSize, length));
        work(part, part.place + begin / tileSize);
        this.#tiles.leave();
      }
    }
  }

  /** Makes the gradient that the rule is to see, and says where it lies. On the way it measures, if asked. */
  #makeGrad(part: Part, tile: number, measures: boolean): Stream {
    const { nonFinite, clipped, gradSquares } = this.#memory;
    const { accumulates, applies, scale, clipValue } = part.stages;
    const tiles = this.#tiles;
    const clips = applies && clipValue < Number.POSITIVE_INFINITY;
    const norm = measures && applies && this.#needs.norm;
    const counts = measures && this.#needs.nonFinite;
    let grad: Stream = "grad";
    if (accumulates) {
      tiles.accumulate("gradScratch", scale);
      grad = "gradScratch";
    }
    if (counts && (clips || !norm)) nonFinite[tile] = tiles.countNonFinite(grad);
    if (clips) {
      const rest = accumulates ? 1 : scale;
      if (measures && this.#stages.measures.clipped) clipped[tile] = tiles.countAbove(grad, rest, clipValue);
      tiles.clip("gradScratch", grad, rest, clipValue);
      grad = "gradScratch";
    }
    if (norm) {
      const squares = tiles.sumOfSquares(grad);
      gradSquares[tile] = squares;
      // A finite sum is one of finite values, so that they are counted only where it is not.
      if (counts && !clips && !(squares < Number.POSITIVE_INFINITY)) nonFinite[tile] = tiles.countNonFinite(grad);
    }
    return grad;
  }

  /** From a finished table to the norms and counts of gradients in the report, and to the factors. */
  #finishGradients(): void {
    const { report } = this.#stages;
    const { nonFinite, clipped } = this.#memory;
    if (this.#needs.norm) finishNorms(this.#wholes, this.#stages, this.#memory);
    for (const { place, tiles } of this.#wholes) {
      for (let tile = place; tile < place + tiles; tile++) {
        report.nonFinite += nonFinite[tile] as number;
        report.clipped += clipped[tile] as number;
      }
    }
  }

  #change(part: Part, tile: number, measures: boolean): void {
    const { group, run, stages, coefficients } = part;
    const tiles = this.#tiles;
    const grad = measures || stages.applies ? this.#makeGrad(part, tile, measures) : "grad";
    if (stages.applies) {
      const measuresUpdate = this.#stages.measures.update;
      tiles.rule(group, run.variant, coefficients, grad, measuresUpdate ? "paramScratch" : "param");
      if (measuresUpdate) {
        const change = tiles.store();
        this.#memory.updateSquares[tile] = change.squares;
        this.#memory.largestUpdate[tile] = change.largest;
      }
      if (stages.averages) tiles.averageIn(stages.decay, stages.oneMinusDecay);
      if (stages.accumulates) tiles.zero("accumulated");
    } else {
      tiles.accumulate("accumulated", stages.scale);
    }
    if (stages.zeroes) tiles.zero("grad");
  }
}
