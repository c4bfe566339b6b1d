import type { FloatArray } from "rmsprop";
import type { Case } from "../case.ts";
import type { Work } from "../work.ts";

/** Something that takes the steps of a case, ready to go. */
export interface Contender {
  /** Takes steps, and returns how long they took, in nanoseconds. */
  run(times: number): number | Promise<number>;
  /** The first parameter's values now. */
  param(): ArrayLike<number> | Promise<ArrayLike<number>>;
  /** What to know of it beside its name. */
  readonly note?: string;
  /** Of another project's code. */
  readonly version?: string;
  /** What a step moves, where that is known; ratios of two that know it are of bytes per second. */
  readonly bytesPerElement?: number;
}

/** A contender of any case. */
export interface ContenderKind {
  readonly name: string;
  /** Whether its steps compute what the optimizer does, or leave the arrays of the case as they are, or do otherwise. */
  readonly steps: boolean | "otherwise";
  /** The contender that it is measured in pairs with. */
  readonly against: string;
  /** @throws Missing with the reason where it is not there, or cannot do the case. */
  create(work: Work): Promise<Contender>;
}

/** The first parameter of a case whose arrays the contender steps where they lie. */
export function firstParam(work: Work): FloatArray {
  return work.first.param;
}

/** The time since `start`, of performance.now(), in nanoseconds. */
export function since(start: number): number {
  return (performance.now() - start) * 1e6;
}

/** A contender's `run` of a function that takes one step. */
export function repeated(step: () => void): (times: number) => number {
  return (times) => {
    const start = performance.now();
    for (let i = 0; i < times; i++) step();
    return since(start);
  };
}

/** Options of a case as numbers, with the library's defaults for those it leaves out. */
export function numbersOf({ options }: Case) {
  const all = { lr: 0.01, alpha: 0.99, eps: 1e-8, momentum: 0, weightDecay: 0, centered: 0, ...options };
  return Object.fromEntries(Object.entries(all).map(([name, value]) => [name, Number(value)])) as Record<
    keyof typeof all,
    number
  >;
}
