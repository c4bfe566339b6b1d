// Each schedule against its formula, computed independently here with Math's functions to a tolerance and with exact
// fractions to the bit, and against values that PyTorch's documentation and definition give.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { cosPi } from "../lib/numbers/exact-math.ts";
import { power } from "../lib/numbers/power.ts";
import * as schedules from "../lib/schedules/index.ts";
import { isSchedule, loadSchedules, type Schedule, type ScheduleState } from "../lib/schedules/schedule.ts";
import { expectRefusal, thrownBy } from "./support/arrays.ts";
import { root } from "./support/compile.ts";
import { scheduleCases } from "./support/schedule-cases.ts";

const { chain, constant, cosine, exponential, linearWarmup, oneCycle, reduceOnPlateau, sequence, step } = schedules;

const relativeError = (found: number, expected: number) =>
  found === expected ? 0 : Math.abs(found - expected) / Math.max(Math.abs(expected), Number.MIN_VALUE);

describe("exact math", () => {
  test("power is exact where the power is, and near it elsewhere", () => {
    expect(power(0.3, 0)).toBe(1);
    expect(power(0, 0)).toBe(1);
    expect(power(3, 33)).toBe(5559060566555523);
    expect(power(2, 1023)).toBe(2 ** 1023);
    expect(power(0.5, 1074)).toBe(Number.MIN_VALUE);
    expect(power(1, 2 ** 53)).toBe(1);
    for (const exponent of [1, 2, 7, 100, 12345, 10 ** 6]) {
      for (const base of [0.999999, 0.99, 1.0001]) {
        const expected = base ** exponent;
        if (expected > 1e-300) expect(relativeError(power(base, exponent), expected)).toBeLessThan(1e-9);
      }
    }
  });

  test("cosPi is cos(π x) to one unit in the last place of 1, exact and odd about 1/2", () => {
    expect([cosPi(0), cosPi(0.5), cosPi(1)]).toEqual([1, 0, -1]);
    for (let i = 0; i <= 4096; i++) {
      // Fixed point with 120 bits behind the point: the series of the cosine at x = i / 4096.
      const one = 1n << 120n;
      const pi = (31415926535897932384626433832795028841972n * one) / 10n ** 40n;
      const square = ((pi * BigInt(i)) / 4096n) ** 2n / one;
      let term = one;
      let sum = one;
      for (let k = 1n; term !== 0n; k++) {
        term = (-term * square) / one / (2n * k * (2n * k - 1n));
        sum += term;
      }
      const found = BigInt(cosPi(i / 4096) * 2 ** 80) * (1n << 40n);
      const error = found > sum ? found - sum : sum - found;
      expect(error < one >> 52n, `at ${i}/4096`).toBe(true);
    }
    for (let i = 0; i <= 4096; i++) expect(cosPi(1 - i / 4096)).toBe(0 - cosPi(i / 4096));
  });

  test("the built package has it in it, with its licence, and leaves the same bits", () => {
    expect(readFileSync(join(root, "dist", "exact-math.LICENSE.txt"), "utf8")).toMatch(/Apache License/);
    const script = `import { schedules } from ${JSON.stringify(pathToFileURL(join(root, "dist", "index.js")).href)};
      const rate = schedules.cosine(1, { steps: 1000 });
      const bits = new Float64Array(1001).map((_, i) => rate(i + 1));
      console.log(Buffer.from(bits.buffer).toString("hex"));`;
    const env = { ...process.env, RMSPROP_BACKEND: "reference" };
    const args = ["--input-type=module", "-e", script];
    const printed = execFileSync(process.execPath, args, { encoding: "utf8", env }).trim();
    const rate = cosine(1, { steps: 1000 });
    const here = Float64Array.from({ length: 1001 }, (_, i) => rate(i + 1));
    expect(printed).toBe(Buffer.from(here.buffer).toString("hex"));
  });
});

describe("functions of the step", () => {
  test("constant", () => {
    expect([1, 2, 10 ** 9].map(constant(0.25))).toEqual([0.25, 0.25, 0.25]);
  });

  test("step multiplies after each run of steps", () => {
    const rate = step(0.5, { stepSize: 3, gamma: 0.5 });
    expect([1, 2, 3, 4, 6, 7, 9, 10].map((at) => rate(at))).toEqual([0.5, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125, 0.0625]);
    expect(step(1, { stepSize: 1 })(3)).toBe(0.1 * 0.1);
  });

  test("exponential multiplies after each step", () => {
    const rate = exponential(8, { gamma: 0.5 });
    expect([1, 2, 3, 60].map((at) => rate(at))).toEqual([8, 4, 2, 2 ** -56]);
    expect(relativeError(exponential(1, { gamma: 0.999 })(1001), 0.999 ** 1000)).toBeLessThan(1e-12);
  });

  test("cosine falls from the rate to the least one and stays there", () => {
    const rate = cosine(0.3, { steps: 1000, min: 0.01 });
    expect(rate(1)).toBe(0.3);
    expect(rate(501)).toBeCloseTo((0.3 + 0.01) / 2, 15);
    expect([1001, 1002, 10 ** 9].map(rate)).toEqual([0.01, 0.01, 0.01]);
    for (let t = 0; t <= 1000; t++) {
      const expected = 0.01 + ((0.3 - 0.01) * (1 + Math.cos((Math.PI * t) / 1000))) / 2;
      expect(relativeError(rate(t + 1), expected)).toBeLessThan(1e-13);
      if (t > 0) expect(rate(t + 1)).toBeLessThan(rate(t));
    }
    expect(cosine(0.3, { steps: 1 })(2)).toBe(0);
  });

  test("linear warm-up rises to the rate and keeps it", () => {
    const rate = linearWarmup(1, { steps: 4 });
    expect([1, 2, 3, 4, 5, 100].map((at) => rate(at))).toEqual([0.25, 0.5, 0.75, 1, 1, 1]);
    expect([1, 2, 3].map(linearWarmup(1, { steps: 2, from: 0.5 }))).toEqual([0.75, 1, 1]);
  });

  test("one cycle rises, falls, and stays: PyTorch's formula", () => {
    const steps = 100;
    const rate = oneCycle(0.1, { steps });
    const anneal = (start: number, end: number, pct: number) =>
      end + ((start - end) / 2) * (1 + Math.cos(Math.PI * pct));
    for (let t = 0; t < steps; t++) {
      const peak = 0.3 * steps - 1;
      const expected =
        t <= peak ? anneal(0.1 / 25, 0.1, t / peak) : anneal(0.1, 0.1 / 25 / 1e4, (t - peak) / (steps - 1 - peak));
      expect(relativeError(rate(t + 1), expected), `step ${t + 1}`).toBeLessThan(1e-10);
    }
    expect(rate(1)).toBe(0.1 / 25);
    expect(rate(30)).toBe(0.1);
    expect(rate(100)).toBe(0.1 / 25 / 1e4);
    expect(rate(5000)).toBe(rate(100));
    // Where the rise has no step of its own, the cycle begins at the top; where it has all, it ends there.
    expect(oneCycle(1, { steps: 10, pctStart: 0 })(1)).toBe(1);
    expect(oneCycle(1, { steps: 10, pctStart: 1 })(10)).toBe(1);
  });
});

describe("reduce on plateau", () => {
  /** PyTorch's ReduceLROnPlateau, from its documentation's definitions. */
  function expectedRates(
    lr: number,
    o: Required<schedules.ReduceOnPlateauOptions>,
    metrics: readonly number[],
  ): number[] {
    let best = o.mode === "min" ? Infinity : -Infinity;
    let bad = 0;
    let cooldown = 0;
    return metrics.map((metric) => {
      const bound = {
        "min rel": best * (1 - o.threshold),
        "max rel": best * (1 + o.threshold),
        "min abs": best - o.threshold,
        "max abs": best + o.threshold,
      }[`${o.mode} ${o.thresholdMode}`];
      if (o.mode === "min" ? metric < bound : metric > bound) {
        best = metric;
        bad = 0;
      } else bad++;
      if (cooldown > 0) {
        cooldown--;
        bad = 0;
      }
      if (bad > o.patience) {
        if (lr - Math.max(lr * o.factor, o.min) > o.eps) lr = Math.max(lr * o.factor, o.min);
        cooldown = o.cooldown;
        bad = 0;
      }
      return lr;
    });
  }

  const metrics = Array.from({ length: 400 }, (_, i) => 1 / (1 + i / 40) + ((i * 7919) % 13) / 500);
  metrics[100] = Number.NaN;
  metrics[3] = Number.POSITIVE_INFINITY;
  metrics[0] = Number.NaN;
  const defaults = {
    mode: "min",
    factor: 0.1,
    patience: 10,
    threshold: 1e-4,
    thresholdMode: "rel",
    cooldown: 0,
    min: 0,
    eps: 1e-8,
  } as const;
  const variants: schedules.ReduceOnPlateauOptions[] = [
    {},
    { mode: "max" },
    { thresholdMode: "abs", threshold: 0.01 },
    { mode: "max", thresholdMode: "abs", threshold: 0.01, factor: 0.5, patience: 0 },
    { factor: 0.7, patience: 2, cooldown: 5, min: 1e-3 },
    { factor: 0.5, patience: 1, eps: 0.01 },
  ];

  test.each(variants)("reduces as defined, options %o", (options) => {
    const expected = expectedRates(0.3, { ...defaults, ...options }, metrics);
    const schedule = reduceOnPlateau(0.3, options);
    const found = metrics.map((metric, i) => {
      schedule.report(metric);
      return schedule.rate(i + 1);
    });
    expect(found).toEqual(expected);
    expect(new Set(found).size).toBeGreaterThan(1);
  });

  test.each(variants)("goes on from a copy of its state, options %o", (options) => {
    const whole = reduceOnPlateau(0.3, options);
    for (let cut = 0; cut < metrics.length; cut += 37) {
      const rest = reduceOnPlateau(99, options);
      rest.loadStateDict(structuredClone(whole.stateDict()));
      for (const metric of metrics.slice(cut, cut + 37)) {
        whole.report(metric);
        rest.report(metric);
        expect(rest.rate(1)).toBe(whole.rate(1));
      }
      expect(rest.stateDict()).toEqual(whole.stateDict());
    }
  });

  test("a metric that is no number and a state that does not fit are refused, and change nothing", () => {
    const schedule = reduceOnPlateau(0.3);
    schedule.report(1);
    const before = schedule.stateDict();
    expectRefusal(
      thrownBy(() => schedule.report("1" as never)),
      "ERR_OPTION",
      /metric.*number.*"1"/,
    );
    for (const state of [
      undefined,
      null,
      {},
      { ...before, rate: -1 },
      { ...before, rate: Number.NaN },
      { ...before, best: "1" },
      { ...before, best: Number.NaN },
      { ...before, badReports: 0.5 },
      { ...before, cooldownLeft: -1 },
    ]) {
      expectRefusal(
        thrownBy(() => schedule.loadStateDict(state as never)),
        "ERR_STATE",
        /reduceOnPlateau/,
      );
      expect(schedule.stateDict()).toEqual(before);
    }
  });
});

describe("composition", () => {
  test("sequence gives each schedule its own count", () => {
    const seen: number[][] = [[], [], []];
    const note = (i: number) => (at: number) => {
      seen[i]?.push(at);
      return i;
    };
    const rate = sequence([note(0), note(1), note(2)], { milestones: [2, 5] });
    expect([1, 2, 3, 4, 5, 6, 7].map((at) => rate(at))).toEqual([0, 0, 1, 1, 1, 2, 2]);
    expect(seen).toEqual([
      [1, 2],
      [1, 2, 3],
      [1, 2],
    ]);
  });

  test("chain multiplies", () => {
    const rate = chain([exponential(1, { gamma: 0.5 }), linearWarmup(1, { steps: 4 })]);
    expect([1, 2, 3, 4, 5].map((at) => rate(at))).toEqual([0.25, 0.25, 0.1875, 0.125, 0.0625]);
  });

  test("without state they are functions, with it schedules whose state is that of their members", () => {
    expect(typeof chain([constant(1), linearWarmup(1, { steps: 3 })])).toBe("function");
    const make = () => {
      const plateau = reduceOnPlateau(0.5, { patience: 0, factor: 0.5 });
      const whole = sequence([linearWarmup(0.5, { steps: 2 }), chain([plateau, 2])], { milestones: [2] }) as Schedule;
      return { plateau, whole };
    };
    const a = make();
    expect(isSchedule(a.whole)).toBe(true);
    for (const metric of [1, 1, 1]) a.plateau.report(metric);
    expect([1, 2, 3].map((at) => a.whole.rate(at))).toEqual([0.25, 0.5, 0.25]);
    const b = make();
    b.whole.loadStateDict(JSON.parse(JSON.stringify(a.whole.stateDict())) as ScheduleState);
    expect(b.whole.rate(3)).toBe(0.25);
    expect(b.plateau.stateDict()).toEqual(a.plateau.stateDict());
    for (const state of [null, {}, { schedules: [] }, { schedules: [{ schedules: [{}] }] }]) {
      expectRefusal(
        thrownBy(() => b.whole.loadStateDict(state as never)),
        "ERR_STATE",
        /state of/,
      );
    }
    expect(b.plateau.stateDict()).toEqual(a.plateau.stateDict());
  });

  test("states are loaded all or none", () => {
    const first = reduceOnPlateau(0.5);
    const second = reduceOnPlateau(0.25);
    const good = { ...first.stateDict(), rate: 0.125 };
    expect(() =>
      loadSchedules([
        [first, good],
        [second, {}],
      ]),
    ).toThrow();
    expect([first.rate(1), second.rate(1)]).toEqual([0.5, 0.25]);
    const undo = loadSchedules([
      [first, good],
      [second, good],
    ]);
    expect([first.rate(1), second.rate(1)]).toEqual([0.125, 0.125]);
    undo();
    expect([first.rate(1), second.rate(1)]).toEqual([0.5, 0.25]);
  });
});

describe("bad values are refused", () => {
  const notRates = [-1, Number.NaN, Number.POSITIVE_INFINITY, "1", undefined, null];
  const rateTakers: [string, (lr: never) => unknown][] = [
    ["constant", (lr) => constant(lr)],
    ["step", (lr) => step(lr, { stepSize: 1 })],
    ["exponential", (lr) => exponential(lr, { gamma: 1 })],
    ["cosine", (lr) => cosine(lr, { steps: 1 })],
    ["linearWarmup", (lr) => linearWarmup(lr, { steps: 1 })],
    ["oneCycle", (lr) => oneCycle(lr, { steps: 2 })],
    ["reduceOnPlateau", (lr) => reduceOnPlateau(lr)],
  ];
  test.each(rateTakers)("the rate of %s", (name, make) => {
    for (const rate of notRates) {
      expectRefusal(
        thrownBy(() => make(rate as never)),
        "ERR_OPTION",
        new RegExp(`learning rate of ${name} .*finite number`),
      );
    }
  });

  const badOptions: [string, () => unknown, RegExp][] = [
    ["step without stepSize", () => step(1, {} as never), /'stepSize'.*whole number of 1 or more.*undefined/],
    ["step without options", () => step(1, undefined as never), /'stepSize'/],
    ["a stepSize of 0", () => step(1, { stepSize: 0 }), /'stepSize'.*whole number of 1 or more.*0/],
    ["a gamma above 1", () => step(1, { stepSize: 1, gamma: 2 }), /'gamma'.*from 0 to 1.*2/],
    ["exponential without gamma", () => exponential(1, {} as never), /'gamma'.*from 0 to 1.*undefined/],
    [
      "a misspelled option",
      () => cosine(1, { steps: 1, Min: 0 } as never),
      /The schedule cosine has no option 'Min'.*'min'/,
    ],
    ["half a step", () => cosine(1, { steps: 1.5 }), /'steps'.*1\.5/],
    ["a min below 0", () => cosine(1, { steps: 1, min: -1 }), /'min'.*0 or more.*-1/],
    ["a from of NaN", () => linearWarmup(1, { steps: 1, from: Number.NaN }), /'from'.*NaN/],
    ["a cycle of one step", () => oneCycle(1, { steps: 1 }), /'steps'.*2 or more.*1/],
    ["a divFactor of 0", () => oneCycle(1, { steps: 9, divFactor: 0 }), /'divFactor'.*above 0.*0/],
    ["a first rate that is infinite", () => oneCycle(1, { steps: 9, divFactor: 1e-320 }), /divFactor.*Infinity/],
    ["a factor of 1", () => reduceOnPlateau(1, { factor: 1 }), /'factor'.*below 1.*1/],
    ["an unknown mode", () => reduceOnPlateau(1, { mode: "least" as never }), /'mode'.*"min" or "max".*"least"/],
    ["no schedules", () => chain([]), /chain.*empty/],
    ["schedules that are none", () => chain([1, "2" as never]), /schedule 1 of chain.*"2"/],
    ["not a list", () => sequence(1 as never, { milestones: [] }), /sequence.*1/],
    ["too few milestones", () => sequence([1, 2, 3], { milestones: [1] }), /'milestones'.*2 whole numbers.*\[1\]/],
    ["milestones that do not rise", () => sequence([1, 2, 3], { milestones: [2, 2] }), /'milestones'.*\[2, 2\]/],
    ["no milestones", () => sequence([1, 2], undefined as never), /'milestones'.*undefined/],
  ];
  test.each(badOptions)("%s", (_, make, message) => {
    expectRefusal(thrownBy(make), "ERR_OPTION", message);
  });

  test("a step that is none", () => {
    const all = [
      constant(1),
      step(1, { stepSize: 1 }),
      exponential(1, { gamma: 1 }),
      cosine(1, { steps: 1 }),
      linearWarmup(1, { steps: 1 }),
      oneCycle(1, { steps: 2 }),
      chain([1]),
      sequence([1], { milestones: [] }),
    ];
    for (const schedule of [...all, (at: number) => reduceOnPlateau(1).rate(at)]) {
      for (const at of [0, -1, 1.5, Number.NaN, "1", undefined]) {
        expectRefusal(
          thrownBy(() => (schedule as (at: unknown) => number)(at)),
          "ERR_OPTION",
          /step.*whole number of 1/,
        );
      }
    }
  });
});

test("the cases that run on every runtime cover every schedule, and give rates", () => {
  const names = new Set<string>();
  for (const [name, make] of Object.entries(scheduleCases)) {
    const rate = make(schedules);
    for (let at = 1; at <= 300; at++) expect(rate(at)).toBeGreaterThanOrEqual(0);
    for (const key of Object.keys(schedules)) if (String(make).includes(key)) names.add(key);
    expect(new Set(Array.from({ length: 300 }, (_, i) => rate(i + 1))).size, name).toBeGreaterThan(
      name === "constant" ? 0 : 1,
    );
  }
  expect([...names].sort()).toEqual(Object.keys(schedules).sort());
});
