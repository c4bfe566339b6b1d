// Schedules whose bits are compared between runtimes.
import type * as Schedules from "../../lib/schedules/index.ts";

/** Each makes the rate of a step; it is asked for the steps in turn. */
export const scheduleCases: Readonly<Record<string, (schedules: typeof Schedules) => (step: number) => number>> = {
  constant: ({ constant }) => constant(0.1),
  step: ({ step }) => step(0.3, { stepSize: 7, gamma: 0.9 }),
  exponential: ({ exponential }) => exponential(0.1, { gamma: 0.9997 }),
  cosine: ({ cosine }) => cosine(0.1, { steps: 12_345, min: 1e-5 }),
  linearWarmup: ({ linearWarmup }) => linearWarmup(0.1, { steps: 997, from: 1e-4 }),
  oneCycle: ({ oneCycle }) => oneCycle(0.1, { steps: 10_007 }),
  sequence: ({ sequence, linearWarmup, cosine }) =>
    sequence([linearWarmup(0.1, { steps: 101 }), cosine(0.1, { steps: 7919 })], { milestones: [101] }),
  chain: ({ chain, exponential, oneCycle }) =>
    chain([exponential(3, { gamma: 0.9999 }), oneCycle(0.1, { steps: 9973, pctStart: 0.45 })]),
  reduceOnPlateau({ reduceOnPlateau }) {
    const schedule = reduceOnPlateau(0.1, { factor: 0.93, patience: 1, threshold: 1e-3 });
    return (step) => {
      const rate = schedule.rate(step);
      schedule.report(1 / (1 + step / 30) + ((step * 7919) % 13) / 50);
      return rate;
    };
  },
};
