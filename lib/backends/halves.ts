// The halves of a staged step over pieces, of the backends in TypeScript. The twin of native/halves.cpp.
import type { BackendGroup, StepOverPieces } from "./backend.ts";
import { columnsOf, needsOf } from "./columns.ts";
import type { Column } from "./layout.ts";
import { StagedStep, type Table, type TileStages } from "./pipeline.ts";
import { StageMemory } from "./stage-memory.ts";

/** A step, with memory of its own for the table. */
export class Halves {
  readonly #memory: StageMemory;
  readonly #step: StagedStep;
  readonly #before: readonly Column[];
  readonly #after: readonly Column[];
  readonly #tiles: number;
  readonly #table: Table;
  readonly #stages: StepOverPieces["stages"];

  constructor(groups: readonly BackendGroup[], { runs, stages, layout }: StepOverPieces, tiles: TileStages) {
    this.#memory = new StageMemory(layout.tiles, layout.wholes.length);
    this.#step = new StagedStep(groups, runs, stages, tiles, this.#memory, layout);
    const { before, after } = columnsOf(runs, stages);
    this.#before = before;
    this.#after = after;
    this.#tiles = layout.tiles;
    this.#table = needsOf(runs, stages).first ? "finished" : "empty";
    this.#stages = stages;
  }

  measure(table: Float64Array): void {
    this.#step.measure();
    this.#write(this.#before, table);
  }

  change(before: Float64Array, after: Float64Array): void {
    this.#read(this.#before, before);
    this.#step.changeTiles(this.#table);
    if (!this.#stages.report.skipped) this.#write(this.#after, after);
  }

  report(after: Float64Array): void {
    this.#read(this.#after, after);
    this.#step.finishReport(this.#table);
  }

  #write(columns: readonly Column[], numbers: Float64Array): void {
    const { length } = columns;
    columns.forEach((column, c) => {
      for (let t = 0; t < this.#tiles; t++) numbers[t * length + c] = this.#memory[column][t] as number;
    });
  }

  #read(columns: readonly Column[], numbers: Float64Array): void {
    const { length } = columns;
    columns.forEach((column, c) => {
      for (let t = 0; t < this.#tiles; t++) this.#memory[column][t] = numbers[t * length + c] as number;
    });
  }
}
