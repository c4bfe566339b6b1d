import type { AnyRule } from "../rule.ts";
import type { FloatArray, NumberType } from "../typed-array.ts";

/** The arrays of one parameter: all of one number type and length. What a step writes overlaps nothing else. */
export interface ParameterArrays {
  /** What is read. */
  readonly data: FloatArray;
  /** What is written: `data`, or memory of its own. */
  readonly out: FloatArray;
  readonly grad: FloatArray;
  /** In the rule's order; null for a slot that no set of flags in use needs. */
  readonly slots: readonly (FloatArray | null)[];
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
  /** In the rule's order, in double precision; the backend rounds them to the group's number type. */
  readonly coefficients: number[];
  /** Indices of parameters in the group, or null for all of them. */
  readonly selection: readonly number[] | null;
}

/**
 * Groups that a backend has taken in, to step them many times. It keeps no array alive and does not check that one is
 * still there: that is the caller's part, right before each step.
 */
export interface BoundGroups {
  /**
   * Takes in other groups in the place of these. Not while a step is at work.
   * @returns whether there is room for them and for so many runs; if not, nothing is changed.
   */
  rebind(groups: readonly BackendGroup[], runCapacity: number): boolean;
  /** Steps every run, in place. The runs name each parameter at most once. */
  step(runs: readonly Run[]): void;
  /**
   * The same off the event loop, where the backend can; none may be begun before the last one has settled.
   * @param kept What must stay alive meanwhile: every array.
   * @param buffers The buffers of this package among them, each once, whose memory is held besides.
   * @returns undefined, with nothing begun, where one of those is of another copy of the package.
   */
  stepAsync(runs: readonly Run[], kept: unknown, buffers: readonly ArrayBufferLike[]): Promise<void> | undefined;
}

/** What executes steps. All backends leave the same bits. */
export interface Backend {
  readonly name: "native" | "wasm" | "reference";
  /** The instruction set in use, "wasm", or "none" for the reference. */
  readonly isa: string;
  /** The most threads a step may use. */
  readonly threads: number;
  setThreads(count: number): void;
  /** A zeroed buffer, aligned to 64 bytes; undefined if there is not so much memory, "forbidden" if no buffer may have it. */
  allocate(byteLength: number): ArrayBuffer | "forbidden" | undefined;
  /** Detaches a buffer from `allocate` and gives its memory back. */
  release(buffer: ArrayBuffer): void;
  /** Where an array's memory starts, so that overlap shows: addresses of one memory compare as its bytes do. */
  address(array: FloatArray): number;
  /** @param runCapacity The most runs of one step. Undefined if there is not enough memory. */
  bind(groups: readonly BackendGroup[], runCapacity: number): BoundGroups | undefined;
}
