import { cosPi } from "../numbers/exact-math.ts";
import { power } from "../numbers/power.ts";
import { fraction, nonNegative } from "../options/option.ts";
import { above, checkRate, checkStep, readScheduleOptions, wholeNumber } from "./domains.ts";

/** A schedule without state: the learning rate of a step, which counts from 1. */
export type ScheduleFunction = (step: number) => number;

/** `weight` of `a` and the rest of `b`: exactly `a` at 1, exactly `b` at 0. */
const blend = (a: number, b: number, weight: number) => weight * a + (1 - weight) * b;

/** From 1 to 0 along half a turn of the cosine, as `x` goes from 0 to 1. */
const halfTurn = (x: number) => (1 + cosPi(x)) / 2;

/**
 * The same learning rate at every step: `lr`.
 * @param lr The rate, a finite number of 0 or more.
 * @throws OptimError ERR_OPTION for a rate that is not a finite number of 0 or more.
 */
export function constant(lr: number): ScheduleFunction {
  const rate = checkRate("constant", lr);
  return (step) => {
    checkStep(step);
    return rate;
  };
}

/** Options of `schedules.step`. */
export interface StepOptions {
  /** Steps at one rate, 1 or more. */
  stepSize: number;
  /** The factor of the rate after them, from 0 to 1. Default 0.1. */
  gamma?: number;
}

const stepTable = { stepSize: wholeNumber(1), gamma: fraction(0.1) };

/**
 * Multiplies the rate by `gamma` after each `stepSize` steps: `lr * gamma ** floor((step - 1) / stepSize)`, PyTorch's
 * StepLR.
 * @param lr The rate of the first steps.
 * @param options See below.
 * @throws OptimError ERR_OPTION.
 */
export function step(lr: number, options: StepOptions): ScheduleFunction {
  const rate = checkRate("step", lr);
  const { stepSize, gamma } = readScheduleOptions<StepOptions>("step", stepTable, options);
  return (at) => rate * power(gamma, Math.floor((checkStep(at) - 1) / stepSize));
}

/** Options of `schedules.exponential`. */
export interface ExponentialOptions {
  /** The factor of the rate after each step, from 0 to 1. */
  gamma: number;
}

const exponentialTable = { gamma: { ...fraction(0), default: undefined } };

/**
 * Multiplies the rate by `gamma` after each step: `lr * gamma ** (step - 1)`, PyTorch's ExponentialLR.
 * @param lr The rate of the first step.
 * @param options See below.
 * @throws OptimError ERR_OPTION.
 */
export function exponential(lr: number, options: ExponentialOptions): ScheduleFunction {
  const rate = checkRate("exponential", lr);
  const { gamma } = readScheduleOptions<ExponentialOptions>("exponential", exponentialTable, options);
  return (at) => rate * power(gamma, checkStep(at) - 1);
}

/** Options of `schedules.cosine`. */
export interface CosineOptions {
  /** Steps from `lr` to `min`, 1 or more. */
  steps: number;
  /** The rate after them, 0 or more. Default 0. */
  min?: number;
}

const cosineTable = { steps: wholeNumber(1), min: nonNegative(0) };

/**
 * Falls from `lr` to `min` along half a turn of the cosine: `w * lr + (1 - w) * min` with
 * `w = (1 + cos(π * (step - 1) / steps)) / 2` (Loshchilov and Hutter 2017, "SGDR", equation 5; PyTorch's
 * CosineAnnealingLR), and stays at `min` after `steps` steps.
 * @param lr The rate of the first step.
 * @param options See below.
 * @throws OptimError ERR_OPTION.
 */
export function cosine(lr: number, options: CosineOptions): ScheduleFunction {
  const rate = checkRate("cosine", lr);
  const { steps, min } = readScheduleOptions<CosineOptions>("cosine", cosineTable, options);
  return (at) => blend(rate, min, halfTurn(Math.min(checkStep(at) - 1, steps) / steps));
}

/** Options of `schedules.linearWarmup`. */
export interface LinearWarmupOptions {
  /** The step that is the first at the full rate, 1 or more. */
  steps: number;
  /** Where the line begins, one step before the first; 0 or more. Default 0: the first step has `lr / steps`. */
  from?: number;
}

const linearWarmupTable = { steps: wholeNumber(1), from: nonNegative(0) };

/**
 * Rises along a line to `lr`, which it reaches at step `steps` and keeps: `w * lr + (1 - w) * from` with
 * `w = min(step, steps) / steps`.
 * @param lr The rate from step `steps` on.
 * @param options See below.
 * @throws OptimError ERR_OPTION.
 */
export function linearWarmup(lr: number, options: LinearWarmupOptions): ScheduleFunction {
  const rate = checkRate("linearWarmup", lr);
  const { steps, from } = readScheduleOptions<LinearWarmupOptions>("linearWarmup", linearWarmupTable, options);
  return (at) => blend(rate, from, Math.min(checkStep(at), steps) / steps);
}

/** Options of `schedules.oneCycle`. */
export interface OneCycleOptions {
  /** Steps of the cycle, 2 or more. */
  steps: number;
  /** The part of them that the rate rises in, from 0 to 1. Default 0.3. */
  pctStart?: number;
  /** The first rate is `lr / divFactor`; above 0. Default 25. */
  divFactor?: number;
  /** The last rate is the first one divided by this; above 0. Default 10,000. */
  finalDivFactor?: number;
}

const oneCycleTable = {
  steps: wholeNumber(2),
  pctStart: fraction(0.3),
  divFactor: above(0, 25),
  finalDivFactor: above(0, 1e4),
};

/**
 * One cycle (Smith and Topin 2018, "Super-convergence"; PyTorch's OneCycleLR with its cosines): rises from
 * `lr / divFactor` to `lr` until step `pctStart * steps`, then falls to `lr / divFactor / finalDivFactor` until step
 * `steps`, both along half a turn of the cosine, and stays there.
 * @param lr The highest rate.
 * @param options See below.
 * @throws OptimError ERR_OPTION.
 */
export function oneCycle(lr: number, options: OneCycleOptions): ScheduleFunction {
  const rate = checkRate("oneCycle", lr);
  const read = readScheduleOptions<OneCycleOptions>("oneCycle", oneCycleTable, options);
  const first = rate / read.divFactor;
  const last = first / read.finalDivFactor;
  checkRate("oneCycle, divided by 'divFactor' and 'finalDivFactor',", last);
  const end = read.steps - 1;
  const peak = Math.max(read.pctStart * read.steps - 1, 0);
  return (at) => {
    const t = Math.min(checkStep(at) - 1, end);
    if (t < peak) return blend(first, rate, halfTurn(t / peak));
    return peak === end ? rate : blend(rate, last, halfTurn((t - peak) / (end - peak)));
  };
}
