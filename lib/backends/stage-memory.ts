import { isEngineError } from "../host.ts";
import { fillWith, lengthOf } from "../numbers/typed-array.ts";
import type { BackendGroup, ParameterArrays, RunStages } from "./backend.ts";
import { tileSize } from "./limits.ts";

/** A whole parameter's tiles in the table. */
export interface WholeTiles {
  readonly stages: RunStages;
  /** The number of its first one. */
  readonly place: number;
  readonly tiles: number;
}

export const tilesOf = ({ data }: ParameterArrays): number => Math.ceil(lengthOf(data) / tileSize);

function countOf(groups: readonly BackendGroup[]): { readonly tiles: number; readonly parameters: number } {
  let tiles = 0;
  let parameters = 0;
  for (const group of groups) {
    parameters += group.parameters.length;
    for (const parameter of group.parameters) tiles += tilesOf(parameter);
  }
  return { tiles, parameters };
}

/**
 * The memory that staged steps over some groups need beside the arrays: the table of tiles, those of all whole parameters in
 * the order of the runs, and the factor by which clipping by norm scales each whole parameter's gradient. The twin of
 * native/stage_memory.hpp.
 */
export class StageMemory {
  readonly gradSquares: Float64Array;
  readonly updateSquares: Float64Array;
  readonly largestUpdate: Float64Array;
  readonly nonFinite: Float64Array;
  readonly clipped: Float64Array;
  readonly factors: Float64Array;

  /** @throws RangeError where there is not enough memory. */
  constructor(tiles: number, parameters: number) {
    this.gradSquares = new Float64Array(tiles);
    this.updateSquares = new Float64Array(tiles);
    this.largestUpdate = new Float64Array(tiles);
    this.nonFinite = new Float64Array(tiles);
    this.clipped = new Float64Array(tiles);
    this.factors = new Float64Array(parameters);
  }

  /** @returns undefined where there is not enough memory. */
  static create(groups: readonly BackendGroup[]): StageMemory | undefined {
    const { tiles, parameters } = countOf(groups);
    try {
      return new StageMemory(tiles, parameters);
    } catch (error) {
      if (!isEngineError(error, "RangeError")) throw error;
      return undefined;
    }
  }

  /** Whether steps over these groups fit in. */
  holds(groups: readonly BackendGroup[]): boolean {
    const { tiles, parameters } = countOf(groups);
    return this.holdsTable(tiles, parameters);
  }

  /** Whether a table of that many tiles, of that many whole parameters, fits in. */
  holdsTable(tiles: number, parameters: number): boolean {
    return tiles <= lengthOf(this.gradSquares) && parameters <= lengthOf(this.factors);
  }

  /** Fills tiles [begin, end) of the table with zeros. */
  clear(begin: number, end: number): void {
    fillWith(this.gradSquares, 0, begin, end);
    fillWith(this.updateSquares, 0, begin, end);
    fillWith(this.largestUpdate, 0, begin, end);
    fillWith(this.nonFinite, 0, begin, end);
    fillWith(this.clipped, 0, begin, end);
  }
}
