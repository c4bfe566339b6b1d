// The halves of staged steps over pieces, of the backends in TypeScript. The twin of native/halves.cpp.
import type { BackendGroup, StepOverPieces } from "./backend.ts";
import { columnsOf, needsOf } from "./columns.ts";
import type { Column } from "./layout.ts";
import { StagedStep, type Table, type TileStages } from "./pipeline.ts";
import { StageMemory } from "./stage-memory.ts";

/** What is known of a step in one of its calls. */
interface Call {
  readonly staged: StagedStep;
  readonly memory: StageMemory;
  readonly table: Table;
  readonly before: readonly Column[];
  readonly after: readonly Column[];
  readonly tiles: number;
}

/** Those of bound groups, with the memory for their table, which keeps what was decided until parameters are changed. */
export class Halves {
  #memory: StageMemory | undefined;

  measure(groups: readonly BackendGroup[], step: StepOverPieces, stages: TileStages, table: Float64Array): void {
    const call = this.#call(groups, step, stages);
    call.staged.measure();
    write(call, call.before, table);
  }

  decide(groups: readonly BackendGroup[], step: StepOverPieces, stages: TileStages, before: Float64Array): void {
    const call = this.#call(groups, step, stages);
    read(call, call.before, before);
    call.staged.decide(call.table);
  }

  change(groups: readonly BackendGroup[], step: StepOverPieces, stages: TileStages, after: Float64Array): void {
    const call = this.#call(groups, step, stages);
    call.staged.changeTiles(call.table);
    if (!step.stages.report.skipped) write(call, call.after, after);
  }

  report(groups: readonly BackendGroup[], step: StepOverPieces, stages: TileStages, after: Float64Array): void {
    const call = this.#call(groups, step, stages);
    read(call, call.after, after);
    call.staged.finishReport(call.table);
  }

  #call(groups: readonly BackendGroup[], { runs, stages, layout }: StepOverPieces, tileStages: TileStages): Call {
    const { tiles, wholes } = layout;
    if (!this.#memory?.holdsTable(tiles, wholes.length)) this.#memory = new StageMemory(tiles, wholes.length);
    const memory = this.#memory;
    const staged = new StagedStep(groups, runs, stages, tileStages, memory, layout);
    const table = needsOf(runs, stages).first ? "finished" : "empty";
    return { staged, memory, table, ...columnsOf(runs, stages), tiles };
  }
}

/** Writes the rows of the step's own tiles. */
function write({ staged, memory }: Call, columns: readonly Column[], numbers: Float64Array): void {
  const { length } = columns;
  columns.forEach((column, c) => {
    for (const { begin, end } of staged.rows) {
      for (let t = begin; t < end; t++) numbers[t * length + c] = memory[column][t] as number;
    }
  });
}

function read({ memory, tiles }: Call, columns: readonly Column[], numbers: Float64Array): void {
  const { length } = columns;
  columns.forEach((column, c) => {
    for (let t = 0; t < tiles; t++) memory[column][t] = numbers[t * length + c] as number;
  });
}
