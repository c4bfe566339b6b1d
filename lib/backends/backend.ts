import type { Storage, StoredArray } from "../numbers/storage.ts";
import type { FloatArray, NumberType } from "../numbers/typed-array.ts";
import type { AnyRule } from "../rules/rule.ts";
import type { Layout } from "./layout.ts";
import type { BackendRanks } from "./ranks.ts";
import type { GradientSource } from "./source.ts";

/**
 * The arrays of one parameter, all of one length. Each has a storage of its own; the number type is the group's. An array
 * that a step writes overlaps no other.
 */
export interface ParameterArrays {
  /** What is read. */
  readonly data: FloatArray;
  /** What is written: `data`, or memory of its own. */
  readonly out: FloatArray;
  /** The storage of both. */
  readonly storage: Storage;
  readonly source: GradientSource;
  /** In the rule's order; null for a slot that no set of flags in use needs. */
  readonly slots: readonly (StoredArray | null)[];
  /** The moving average of the parameter, where a staged step averages. */
  readonly average?: StoredArray | null;
  /** The sum of the gradients that wait for a step, where a staged step accumulates. */
  readonly accumulated?: StoredArray | null;
}

/** A group as a backend sees it: parameters of one number type that share a rule. */
export interface BackendGroup {
  readonly rule: AnyRule;
  readonly type: NumberType;
  readonly parameters: readonly ParameterArrays[];
}

/** Parameters of one group that take a step with the same coefficients. */
export interface Run {
  /** Index of the group among those bound. */
  readonly group: number;
  /** The set of flags (rule.ts, `variantOf`). */
  variant: number;
  /**
   * In the rule's order, in double precision; the backend rounds them to the group's number type. Where they change there
   * is another array in their place, so that a backend sees whether it has them already.
   */
  coefficients: readonly number[];
  /** Indices of parameters in the group, or null for all of them. */
  readonly selection: readonly number[] | null;
  /** What this run's stages do, in a staged step. */
  readonly stages?: RunStages;
}

/** What the stages beside the rule do in one run. Numbers are in double precision; the stages round them. */
export interface RunStages {
  /** Whether gradients are added to `accumulated`: then it is their sum that the other stages and the rule see. */
  accumulates: boolean;
  /** Whether the rule is applied. A run that only accumulates does nothing more than that, and zero the gradients. */
  applies: boolean;
  /**
   * What gradients are multiplied by, above 0. Where a run accumulates or clips by value, a stage multiplies; elsewhere
   * the rule's coefficient `gradScale` has it in it already, and norms are measured without and multiplied afterwards.
   */
  scale: number;
  /** The largest magnitude of a gradient's values, or Infinity. */
  clipValue: number;
  /** The largest norm of a parameter's gradient, or Infinity. */
  clipNorm: number;
  /** Whether `average = decay * average + oneMinusDecay * param` follows the rule. */
  averages: boolean;
  decay: number;
  oneMinusDecay: number;
  /** Whether gradients are set to zero once they are used. */
  zeroes: boolean;
}

/** What a step can measure. */
export type Measure = "gradNorm" | "nonFinite" | "clipped" | "update";

/** What a staged step does over all of its runs, and what it found. */
export interface Stages {
  /** Whether a gradient with a value that is not finite makes the step change nothing. */
  skipNonFinite: boolean;
  /** The largest norm of all gradients together, after the clipping of each; or Infinity. */
  clipGlobalNorm: number;
  /** What is asked for beside what the other stages need. */
  readonly measures: { [measure in Measure]: boolean };
  /** What the step found. The backend writes it before the step returns or settles. */
  readonly report: Report;
}

export interface Report {
  /** Whether the step changed nothing. */
  skipped: boolean;
  /** The norm of the gradients of the runs that apply, before they are clipped by norm; NaN where it is not measured. */
  gradNorm: number;
  /** How many values were not finite, before they were clipped; 0 where they are not counted. */
  nonFinite: number;
  /** How many values were clipped by value; 0 where they are not counted. */
  clipped: number;
  /** The norm of what the rule changed of the parameters; NaN where it is not measured. */
  updateNorm: number;
  /** The largest of these changes, by magnitude; NaN where one of them is, or where they are not measured. */
  largestUpdate: number;
}

/** A staged step whose parameters are pieces of whole ones, or a part of it: then its runs have some of the pieces. */
export interface StepOverPieces {
  readonly runs: readonly Run[];
  readonly stages: Stages;
  readonly layout: Layout;
}

/** What begins off the event loop: undefined, with nothing begun, as for `stepAsync`; null where there is no memory for it. */
export type BegunHalf = Promise<void> | undefined | null;

/**
 * Groups that a backend has taken in, to step them many times. It keeps no array alive and does not check that one is
 * still there: that is the caller's part, right before each step.
 */
export interface BoundGroups {
  /**
   * Takes in other groups in the place of these. Not while a step is at work.
   * @returns whether there is room for the groups and that number of runs; if not, nothing is changed.
   */
  rebind(groups: readonly BackendGroup[], runCapacity: number): boolean;
  /**
   * Steps every run, in place. The runs name each parameter at most once.
   * @param stages What is done beside the rule (pipeline.ts), by groups that are bound for it; without it the rule is all.
   * @param again Whether these are the runs of the last call of `step`, without stages, in which nothing has changed.
   */
  step(runs: readonly Run[], stages?: Stages, again?: boolean): void;
  /**
   * The same off the event loop, where the backend can; none may be begun before the last one has settled.
   * @param kept What must stay alive meanwhile: every array.
   * @param buffers The buffers of this package among them, each once, whose memory is held besides.
   * @returns undefined, with nothing begun, where one of those is of another copy of the package.
   */
  stepAsync(
    runs: readonly Run[],
    kept: unknown,
    buffers: readonly ArrayBufferLike[],
    stages?: Stages,
  ): Promise<void> | undefined;
  /**
   * The first half of a staged step over pieces, or a part of it: fills the rows of the pieces in a table of the columns
   * before (columns.ts) with what it measures. Changes nothing. By groups that are bound for stages, as the next three.
   */
  measureAsync(
    step: StepOverPieces,
    kept: unknown,
    buffers: readonly ArrayBufferLike[],
    table: Float64Array,
  ): BegunHalf;
  /**
   * What comes between the halves of the whole step: by a table in which all tiles are filled, finds the factors of
   * gradients and begins the report, which says whether the step is skipped.
   * @throws OptimError ERR_MEMORY.
   */
  decide(step: StepOverPieces, before: Float64Array): void;
  /**
   * The second half, or a part of it, by what was decided; a step that is skipped has none. Fills the rows of the pieces in
   * a table of the columns after.
   */
  changeAsync(step: StepOverPieces, kept: unknown, buffers: readonly ArrayBufferLike[], after: Float64Array): BegunHalf;
  /** The rest of the report of a whole step that was not skipped, by a table in which all tiles are filled. */
  finishReport(step: StepOverPieces, after: Float64Array): void;
}

/** What executes steps. All backends leave the same bits. */
export interface Backend {
  readonly name: "native" | "wasm" | "reference";
  /** The instruction set in use, "wasm", or "none" for the reference. */
  readonly isa: string;
  /** The most threads a step may use. */
  readonly threads: number;
  setThreads(count: number): void;
  /**
   * A zeroed buffer, aligned to 64 bytes; undefined if there is not enough memory, "forbidden" if no buffer may have it.
   * @param inner Whether no program sees it until `expose`: then it ends with its thread at the latest. Default false.
   */
  allocate(byteLength: number, inner?: boolean): ArrayBuffer | "forbidden" | undefined;
  /** Says that a program sees this buffer of `allocate` from now on, and may take its memory to another thread. */
  expose(buffer: ArrayBufferLike): void;
  /** Detaches a buffer from `allocate` and gives its memory back. */
  release(buffer: ArrayBuffer): void;
  /** Where an array's memory starts, so that overlap shows: addresses of one memory compare as its bytes do. */
  address(array: FloatArray): number;
  /**
   * @param runCapacity The most runs of one step.
   * @param staged Whether steps are given stages.
   * @returns undefined if there is not enough memory.
   */
  bind(groups: readonly BackendGroup[], runCapacity: number, staged?: boolean): BoundGroups | undefined;
  /** The ranks of the process, where the backend can be one of several. */
  readonly ranks?: BackendRanks | undefined;
}
