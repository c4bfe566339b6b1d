// A step in two halves under way (measured.ts has its contract).
import type { BegunHalf, BoundGroups, Run, StepOverPieces } from "../backends/backend.ts";
import { columnsOf } from "../backends/columns.ts";
import type { Column } from "../backends/layout.ts";
import { OptimError } from "../errors.ts";
import { isEngineError } from "../host.ts";
import { asyncMemory } from "../memory/liveness.ts";
import type { Memory } from "../memory/memory.ts";
import type { Begun, TileTable, Wholes } from "./measured.ts";
import { ordersOf, type PartOfPieces, type PlanOfPieces, piecesOf, runsOfPart } from "./pieces.ts";
import type { Plan } from "./plan.ts";

/** The planner's part in it. */
interface Planned<O extends object> {
  finish(plan: Plan<O>, again: boolean): void;
  withdraw(): void;
}

type Phase = "begun" | "decided" | "ended";

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
  readonly before: TileTable;
  readonly #plan: Plan<O>;
  readonly #planner: Planned<O>;
  readonly #left: () => void;
  // The plan's own may be taken from it between the halves.
  readonly #bound: BoundGroups;
  readonly #liveness: Plan<O>["liveness"];
  readonly #held: readonly Memory[];
  readonly #pieces: PlanOfPieces;
  /** Undefined where the rule is all that the step does. */
  readonly #step: StepOverPieces | undefined;
  readonly #after: TileTable;
  #phase: Phase = "begun";
  /** What works off the event loop. */
  #working: "measures" | "changes" | undefined;
  #abandoned = false;

  constructor(plan: Plan<O>, planner: Planned<O>, wholes: Wholes, left: () => void) {
    this.#plan = plan;
    this.#planner = planner;
    this.#left = left;
    this.#bound = plan.bound as BoundGroups;
    this.#liveness = plan.liveness;
    const { runs, stages } = plan;
    this.#pieces = piecesOf(plan, wholes);
    this.orders = ordersOf(plan, this.#pieces);
    const { layout } = this.#pieces;
    const columns = stages ? columnsOf(runs, stages) : { before: [], after: [] };
    this.#step = stages && { runs, stages, layout };
    this.before = tableOf(columns.before, layout.tiles);
    this.#after = tableOf(columns.after, layout.tiles);
    this.#held = plan.liveness.held();
    for (const memory of this.#held) memory.inFlight++;
  }

  async measure(part: number): Promise<void> {
    this.#expect("begun");
    if (this.before === noTable) throw new Error("Expected a step that measures first, but it needs to know nothing.");
    await this.#work("measures", part, (runs, { layout }, kept, buffers) => {
      const { stages } = this.#step as StepOverPieces;
      return this.#bound.measureAsync({ runs, stages, layout }, kept, buffers, this.before.numbers);
    });
  }

  decide(): boolean {
    this.#expect("begun");
    try {
      this.#liveness.check();
      if (this.#step) this.#bound.decide(this.#step, this.before.numbers);
    } catch (error) {
      this.#withdraw();
      throw isEngineError(error, "RangeError") ? noMemory() : error;
    }
    this.#phase = "decided";
    return !this.#isSkipped;
  }

  async change(part: number): Promise<void> {
    this.#expect("decided");
    if (this.#isSkipped) throw new Error("Expected a step that changes something, but it is skipped.");
    await this.#work("changes", part, (runs, { layout }, kept, buffers) => {
      if (!this.#step) return this.#bound.stepAsync(runs, kept, buffers);
      return this.#bound.changeAsync({ runs, stages: this.#step.stages, layout }, kept, buffers, this.#after.numbers);
    });
  }

  get after(): TileTable {
    return this.#isSkipped ? noTable : this.#after;
  }

  finish(): void {
    this.#expect("decided");
    this.#phase = "ended";
    try {
      if (this.after !== noTable) this.#bound.finishReport(this.#step as StepOverPieces, this.after.numbers);
    } finally {
      this.#planner.finish(this.#plan, false);
      this.#leave();
    }
  }

  abandon(): void {
    if (this.#working) this.#abandoned = true;
    else if (this.#phase !== "ended") this.#withdraw();
  }

  get #isSkipped(): boolean {
    return this.#phase !== "begun" && this.#step?.stages.report.skipped === true;
  }

  #expect(phase: Phase): void {
    if (this.#working) throw new Error(`Expected a step that does nothing now, but it ${this.#working}.`);
    if (this.#phase !== phase) throw new Error(`Expected a step that has ${phase}, but it has ${this.#phase}.`);
  }

  /** Does a half of one part, off the event loop. Ends the step where that is refused. */
  async #work(
    what: "measures" | "changes",
    part: number,
    begin: (runs: readonly Run[], part: PartOfPieces, kept: unknown, buffers: readonly ArrayBufferLike[]) => BegunHalf,
  ): Promise<void> {
    const pieces = this.#pieces.parts[part];
    if (!pieces) throw new Error(`Expected a part of the step, but there is none of number ${part}.`);
    this.#working = what;
    try {
      this.#liveness.check();
      if (!pieces.isEmpty) {
        const runs = runsOfPart(this.#plan.runs, pieces);
        const half = begin(runs, pieces, [this.#plan, this.#liveness], this.#liveness.heldBuffers());
        if (half === null) throw noMemory();
        if (!half) throw asyncMemory("memory", "a parameter", "another copy of this package allocated it");
        await half;
      }
    } catch (error) {
      this.#withdraw();
      throw isEngineError(error, "RangeError") ? noMemory() : error;
    } finally {
      this.#working = undefined;
    }
    if (!this.#abandoned) return;
    this.#withdraw();
    throw new Error(`The step was abandoned while it ${what === "measures" ? "measured" : "changed"} a part.`);
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
