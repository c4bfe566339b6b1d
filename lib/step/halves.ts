// A step in two calls under way (measured.ts has its contract).
import type { BegunHalf, BoundGroups, StepOverPieces } from "../backends/backend.ts";
import { columnsOf } from "../backends/columns.ts";
import type { Column } from "../backends/layout.ts";
import { OptimError } from "../errors.ts";
import { isEngineError } from "../host.ts";
import { asyncMemory } from "../memory/liveness.ts";
import type { Memory } from "../memory/memory.ts";
import type { Begun, Changed, Measured, TileTable, Wholes } from "./measured.ts";
import { ordersOf, piecesOf } from "./pieces.ts";
import type { Plan } from "./plan.ts";

/** The planner's part in it. */
interface Planned<O extends object> {
  finish(plan: Plan<O>, again: boolean): void;
  withdraw(): void;
}

type Phase = "begun" | "measuring" | "measured" | "changing" | "changed" | "ended";

const noTable: TileTable = { columns: [], numbers: new Float64Array() };

/**
 * Begins a prepared step in halves, or withdraws it.
 * @param left Is called once the step has ended.
 * @throws OptimError ERR_ASYNC_MEMORY, ERR_MEMORY. `left` is not called then.
 */
export function beginHalves<O extends object>(
  plan: Plan<O>,
  planner: Planned<O>,
  wholes: Wholes,
  left: () => void,
): Begun {
  try {
    return new Halves(plan, planner, wholes, left);
  } catch (error) {
    planner.withdraw();
    throw isEngineError(error, "RangeError") ? noMemory() : error;
  }
}

const noMemory = () => new OptimError("ERR_MEMORY", "Not enough memory for the table of tiles of a step.");

class Halves<O extends object> implements Begun {
  readonly orders: Float64Array;
  readonly #plan: Plan<O>;
  readonly #planner: Planned<O>;
  readonly #left: () => void;
  // The plan's own may be taken from it between the halves.
  readonly #bound: BoundGroups;
  readonly #liveness: Plan<O>["liveness"];
  readonly #held: readonly Memory[];
  /** Undefined where the rule is all that the step does. */
  readonly #step: StepOverPieces | undefined;
  readonly #before: TileTable;
  readonly #after: TileTable;
  #phase: Phase = "begun";
  #abandoned = false;

  constructor(plan: Plan<O>, planner: Planned<O>, wholes: Wholes, left: () => void) {
    this.#plan = plan;
    this.#planner = planner;
    this.#left = left;
    this.#bound = plan.bound as BoundGroups;
    this.#liveness = plan.liveness;
    const { runs, stages } = plan;
    const pieces = piecesOf(plan, wholes);
    this.orders = ordersOf(plan, pieces);
    const { layout } = pieces;
    const columns = stages ? columnsOf(runs, stages) : { before: [], after: [] };
    this.#step = stages && { runs, stages, layout };
    this.#before = tableOf(columns.before, layout.tiles);
    this.#after = tableOf(columns.after, layout.tiles);
    this.#held = plan.liveness.held();
    for (const memory of this.#held) memory.inFlight++;
  }

  measure(): Promise<Measured> {
    this.#enter("begun", "measuring");
    return this.#orEnd(async () => {
      this.#liveness.check();
      const table = this.#before;
      await (table === noTable ? undefined : this.#begun(this.#bound.measureAsync(...this.#over(), table.numbers)));
      if (this.#abandoned) throw new Error("The step was abandoned while it measured.");
      this.#phase = "measured";
      return { table, change: () => this.#change(), abandon: () => this.abandon() };
    });
  }

  #change(): Promise<Changed> {
    this.#enter("measured", "changing");
    return this.#orEnd(async () => {
      this.#liveness.check();
      const { runs } = this.#plan;
      const [before, after] = [this.#before, this.#after];
      const step = this.#step
        ? this.#bound.changeAsync(...this.#over(), before.numbers, after.numbers)
        : this.#bound.stepAsync(runs, this.#plan, this.#liveness.heldBuffers());
      await this.#begun(step);
      this.#phase = "changed";
      const table = this.#step?.stages.report.skipped ? noTable : after;
      return { table, finish: () => this.#finish(table) };
    });
  }

  #finish(table: TileTable): void {
    this.#enter("changed", "ended");
    try {
      if (table !== noTable) this.#bound.finishReport(this.#step as StepOverPieces, table.numbers);
    } finally {
      this.#planner.finish(this.#plan, false);
      this.#leave();
    }
  }

  abandon(): void {
    if (this.#phase === "measuring") this.#abandoned = true;
    else if (this.#phase === "begun" || this.#phase === "measured") this.#withdraw();
  }

  #over(): [step: StepOverPieces, kept: unknown, buffers: readonly ArrayBufferLike[]] {
    return [this.#step as StepOverPieces, [this.#plan, this.#liveness], this.#liveness.heldBuffers()];
  }

  #enter(from: Phase, to: Phase): void {
    if (this.#phase !== from) throw new Error(`Expected a step that has ${from}, but it has ${this.#phase}.`);
    this.#phase = to;
  }

  /** Ends the step where a half is refused: before it changes anything. */
  async #orEnd<T>(half: () => Promise<T>): Promise<T> {
    try {
      return await half();
    } catch (error) {
      this.#withdraw();
      throw isEngineError(error, "RangeError") ? noMemory() : error;
    }
  }

  #begun(half: BegunHalf): Promise<void> {
    if (half) return half;
    if (half === null) throw noMemory();
    throw asyncMemory("memory", "a parameter", "another copy of this package allocated it");
  }

  #withdraw(): void {
    this.#phase = "ended";
    this.#planner.withdraw();
    this.#leave();
  }

  #leave(): void {
    for (const memory of this.#held) memory.inFlight--;
    this.#left();
  }
}

/** @throws RangeError where there is not enough memory. */
const tableOf = (columns: readonly Column[], tiles: number): TileTable =>
  columns.length === 0 ? noTable : { columns, numbers: new Float64Array(tiles * columns.length) };
