// Schedules at the edges of what they take. The title of each test begins with the number under which the fault was reported.
import { describe, expect, test } from "vitest";
import { SGD, schedules } from "../../lib/index.ts";

const { chain, constant, cosine, exponential, linearWarmup, oneCycle, reduceOnPlateau, sequence, step } = schedules;

type Mode = "min" | "max";

/** What is left of a rate of 1 after these metrics, each no better than the best reducing it tenfold. */
function rateAfter(options: schedules.ReduceOnPlateauOptions, metrics: readonly number[]): number {
  const schedule = reduceOnPlateau(1, { patience: 0, factor: 0.5, eps: 0, ...options });
  for (const metric of metrics) schedule.report(metric);
  return schedule.rate(1);
}

describe("S6: a metric is better by a part of the magnitude of the best", () => {
  const relative: readonly (readonly [Mode, number, number, boolean])[] = [
    ["min", -1, -0.95, false],
    ["min", -1, -1.05, false],
    ["min", -1, -1.25, true],
    ["min", 1, 0.95, false],
    ["min", 1, 0.75, true],
    ["min", 0, -0.01, true],
    ["min", 0.5, -0.5, true],
    ["max", -1, -1.05, false],
    ["max", -1, -0.95, false],
    ["max", -1, -0.75, true],
    ["max", 1, 1.05, false],
    ["max", 1, 1.25, true],
    ["max", 0, 0.01, true],
    ["max", -0.5, 0.5, true],
  ];
  test.each(relative)("mode %s, from %d to %d: %s", (mode, best, metric, better) => {
    expect(rateAfter({ mode, threshold: 0.1 }, [best, metric])).toBe(better ? 1 : 0.5);
  });

  test("the metric that the report had: -1, then -0.95", () => {
    const schedule = reduceOnPlateau(0.1, { threshold: 0.1, patience: 0 });
    schedule.report(-1);
    schedule.report(-0.95);
    expect(schedule.rate(1)).toBe(0.1 * 0.1);
  });

  test("negated metrics in the other mode are the same, to the last bit", () => {
    for (let i = 1; i < 2000; i++) {
      const best = (i % 7) - 3 + i / 997;
      const threshold = (i % 11) / 23;
      const bound = best - threshold * Math.abs(best);
      for (const near of [-2, -1, 0, 1, 2]) {
        const metric = bound + near * 2 ** -53 * Math.max(1, Math.abs(bound));
        const falling = rateAfter({ mode: "min", threshold }, [best, metric]);
        expect(rateAfter({ mode: "max", threshold }, [-best, -metric]), `${best} ${threshold} ${metric}`).toBe(falling);
        // Above zero: PyTorch's formula.
        if (best > 0) expect(falling).toBe(metric < best * (1 - threshold) ? 1 : 0.5);
      }
    }
  });

  test.each(["min", "max"] as const)(
    "a best that is the worst infinity, as PyTorch's begins, is none: mode %s",
    (mode) => {
      const schedule = reduceOnPlateau(1, { mode, patience: 0, threshold: 1 });
      const worst = mode === "min" ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
      schedule.loadStateDict({ rate: 1, best: worst, badReports: 0, cooldownLeft: 0 });
      schedule.report(3);
      expect(schedule.stateDict()).toEqual({ rate: 1, best: 3, badReports: 0, cooldownLeft: 0 });
    },
  );
});

describe("S6: schedules give a rate between their ends at every step", () => {
  const rates = [0, -0, 1e-300, 1e-30, 0.1, 3, 1e300];
  const lengths = [1, 2, 3, 1000, 2 ** 32 + 1, Number.MAX_SAFE_INTEGER];
  const steps = [1, 2, 3, 999, 1000, 1001, 2 ** 32, 2 ** 53 - 2, Number.MAX_SAFE_INTEGER];
  const between = (rate: (step: number) => number, low: number, high: number, what: string) => {
    for (const at of steps) {
      const found = rate(at);
      expect(found >= low * (1 - 2 ** -51) && found <= high * (1 + 2 ** -51), `${what}, step ${at}: ${found}`).toBe(
        true,
      );
    }
  };

  test.each(rates)("of %d", (lr) => {
    between(constant(lr), lr, lr, "constant");
    for (const other of rates) {
      const [low, high] = [Math.min(lr, other), Math.max(lr, other)];
      for (const length of lengths) {
        between(cosine(lr, { steps: length, min: other }), low, high, `cosine ${length} ${other}`);
        between(linearWarmup(lr, { steps: length, from: other }), low, high, `linearWarmup ${length} ${other}`);
      }
    }
    for (const gamma of [0, Number.MIN_VALUE, 0.5, 1 - 2 ** -53, 1]) {
      between(exponential(lr, { gamma }), 0, lr, `exponential ${gamma}`);
      for (const stepSize of lengths) between(step(lr, { gamma, stepSize }), 0, lr, `step ${gamma} ${stepSize}`);
    }
    for (const pctStart of [0, Number.MIN_VALUE, 1e-9, 0.3, 1 - 2 ** -53, 1]) {
      for (const length of lengths.slice(1)) {
        for (const divFactor of [1, 25, 1e300]) {
          between(oneCycle(lr, { steps: length, pctStart, divFactor }), 0, lr, `oneCycle ${pctStart} ${divFactor}`);
        }
      }
    }
    between(chain([constant(lr), constant(1)]), lr, lr, "chain");
    const far = [Number.MAX_SAFE_INTEGER - 1];
    between(sequence([constant(lr), constant(lr)], { milestones: far }), lr, lr, "sequence");
  });

  test("and ends that meet are refused where they make no schedule", () => {
    for (const milestones of [
      [1, 1],
      [2, 1],
      [0, 1],
      [1.5, 2],
      [1, Number.POSITIVE_INFINITY],
      [1, 2 ** 53],
    ]) {
      const members = [constant(1), constant(2), constant(3)];
      expect(() => sequence(members, { milestones })).toThrow(/Expected 'milestones' to be 2 whole numbers/);
    }
    for (const length of [0, 0.5, -1, 2 ** 53]) {
      expect(() => linearWarmup(1, { steps: length })).toThrow(/Expected 'steps' to be a whole number of 1 or more/);
      expect(() => cosine(1, { steps: length })).toThrow(/Expected 'steps' to be a whole number of 1 or more/);
    }
  });

  test("a product that overflows is refused at the step, by name", () => {
    const p = { name: "w", data: Float64Array.of(1), grad: Float64Array.of(1) };
    const optimizer = new SGD([p], { lr: chain([constant(1e200), constant(1e200)]) });
    expect(() => optimizer.step()).toThrow(/Expected lr\(1\) to be a finite number of 0 or more, but it is Infinity/);
    expect(p.data[0]).toBe(1);
  });
});
