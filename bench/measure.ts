import type { Contender } from "./contenders/contender.ts";

/** Time that a contender steps before it is measured, so that it is compiled, and its memory is there. */
const warmUpNanoseconds = 30e6;
/** The least that a sample lasts: so long that neither the clock's resolution nor the steps before a thread wakes count. */
const sampleNanoseconds = 10e6;
const mostPairs = 21;
const leastPairs = 5;
/** As many as a contender gets that is so slow that the budget holds no pair. */
const leastSlowPairs = 3;

/** A contender that has stepped for a while. */
export interface Warm {
  readonly contender: Contender;
  /** Steps in one sample. */
  readonly times: number;
  /** What a step takes, roughly, in nanoseconds. */
  readonly estimate: number;
  /** Every sample taken: nanoseconds a step. */
  readonly samples: number[];
}

export async function warmUp(contender: Contender): Promise<Warm> {
  let spent = 0;
  let times = 1;
  let estimate = 0;
  do {
    const taken = await contender.run(times);
    spent += taken;
    estimate = taken / times;
    if (taken < sampleNanoseconds) times *= 2;
  } while (spent < warmUpNanoseconds);
  return { contender, times: Math.max(1, Math.ceil(sampleNanoseconds / estimate)), estimate, samples: [] };
}

async function sample(warm: Warm): Promise<number> {
  const nanoseconds = (await warm.contender.run(warm.times)) / warm.times;
  warm.samples.push(nanoseconds);
  return nanoseconds;
}

/** A ratio of times, from pairs of samples taken one right after the other. */
export interface Ratio {
  readonly median: number;
  readonly lowerQuartile: number;
  readonly upperQuartile: number;
  /** How much longer the second takes than the first, in nanoseconds a step: the median of the pairs. */
  readonly difference: number;
  readonly pairs: number;
}

/**
 * Times `a` over `b`: samples in pairs, each pair in the other order than the one before, so that what else the machine
 * does falls on both alike. The median of the pairs' ratios counts.
 * @param budget Roughly how long this may take, in nanoseconds.
 * @param factor What the ratios are multiplied by.
 */
export async function ratioOf(a: Warm, b: Warm, budget: number, factor: number): Promise<Ratio> {
  const fit = Math.floor(budget / (a.estimate * a.times + b.estimate * b.times));
  const pairs = fit < 1 ? leastSlowPairs : Math.min(Math.max(fit, leastPairs), mostPairs);
  const ratios: number[] = [];
  const differences: number[] = [];
  for (let pair = 0; pair < pairs; pair++) {
    const before = pair % 2 === 0 ? await sample(a) : 0;
    const other = await sample(b);
    const own = pair % 2 === 0 ? before : await sample(a);
    ratios.push((factor * own) / other);
    differences.push(other - own);
  }
  return {
    median: quantile(ratios, 0.5),
    lowerQuartile: quantile(ratios, 0.25),
    upperQuartile: quantile(ratios, 0.75),
    difference: quantile(differences, 0.5),
    pairs,
  };
}

/** By linear interpolation between the values in order. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((x, y) => x - y);
  const at = q * (sorted.length - 1);
  const below = sorted[Math.floor(at)] as number;
  const above = sorted[Math.ceil(at)] as number;
  return below + (above - below) * (at - Math.floor(at));
}
