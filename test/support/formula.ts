/** What a system computes for one element in float64. */
export interface System {
  /** What its slots hold, in our signs: a system that adds a negative step keeps its momentum buffer negated. */
  readonly state: State;
  /** From the parameter, the gradient and the number of the step, from 1, to the new parameter. */
  step(x: number, g: number, t: number): number;
}
export type State = Record<string, number>;
// biome-ignore lint/suspicious/noExplicitAny: each system has options of its own
export type Formula = (options: any) => System;

/** A fused multiply-add where it is not fused: on float64 the presets say so. */
export const fma = (a: number, b: number, c: number) => c + a * b;
