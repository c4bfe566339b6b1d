// Options, each a double, in the number type of the parameters they meet. The title of each test begins with the number under
// which the fault was reported.

import { describe, expect, test } from "vitest";
import { type OptimizerOptions, RMSprop, SGD, type StateDict, schedules } from "../../lib/index.ts";
import type { NumberType } from "../../lib/numbers/typed-array.ts";
import { definitions } from "../../lib/optimizers/all.ts";
import { arraysOf, bitsOf, expectRefusal, parameter, refuses, thrownBy, train } from "../support/arrays.ts";
import { numberTypes } from "../support/cases.ts";
import { classOf } from "../support/classes.ts";
import { rowOf } from "../support/optimizers/all.ts";
import { shownInErrors, waysOf } from "../support/option-cases.ts";

const make = (name: string, params: readonly object[], options?: object) => new (classOf(name))(params, options);

const p = (type: NumberType, ...grad: number[]) => {
  const Floats = type === "float32" ? Float32Array : Float64Array;
  return { name: "w", data: new Floats(grad.length).fill(1), grad: Floats.from(grad) };
};

const narrow = (name: string) => new RegExp(`^Expected '${name}' to be .* for '[xyw]', which is float32, but it is `);

describe.each(definitions)("$name", ({ name: optimizer, options: table, initialOptions = [] }) => {
  const cases = Object.entries(rowOf(optimizer).options);
  const wide = cases.filter(([, { wide }]) => wide);
  const base = "momentum" in table ? { momentum: 0.5 } : {};

  test("S7: each option that is a number says what float32 can have of it, unless float32 holds all of it", () => {
    const numeric = cases.filter(([, { held, good }]) => !held && good.some((x) => typeof x === "number"));
    expect(numeric.filter(([name]) => !table[name]?.float32)).toEqual([]);
    expect(wide.map(([name]) => name).sort()).toEqual(
      Object.keys(table)
        .filter((name) => table[name]?.float32)
        .sort(),
    );
  });

  for (const type of numberTypes) {
    describe.each(waysOf(optimizer, base, type))(`${type}, given %s`, (title, way) => {
      const settable = wide.filter(([name]) => title !== "set in paramGroups" || !initialOptions.includes(name));
      test.each(settable)("S7: %s", (name, { wide }) => {
        for (const value of wide as readonly unknown[]) {
          const { give, witnesses } = way();
          const label = `${name}: ${JSON.stringify(value)}`;
          if (type === "float64") expect(() => give({ [name]: value }), label).not.toThrow();
          else refuses(() => give({ [name]: value }), "ERR_OPTION", narrow(name), witnesses, label);
        }
      });
    });
  }

  test.each(wide)("S7: %s in a state, and where one parameter of several is float32", (name, { wide, good }) => {
    const plain = good.filter((value) => typeof value !== "function");
    for (const value of [...(wide as readonly unknown[]), ...plain]) {
      const [a, b] = [parameter("w", 3, "float64"), parameter("x", 3, "float64")];
      const from = make(optimizer, [{ params: [a, b], [name]: value }]);
      const state = from.stateDict();
      const mixed = [parameter("w", 3, "float64"), parameter("x", 3, "float32")];
      for (const slots of [state.state.x as Record<string, unknown>]) {
        for (const [slot, array] of Object.entries(slots)) {
          if (array instanceof Float64Array) slots[slot] = Float32Array.from(array);
        }
      }
      const to = make(optimizer, mixed);
      const label = `${name}: ${shownInErrors(value)}`;
      const fits = plain.includes(value);
      if (fits) {
        to.loadStateDict(state);
        expect(make(optimizer, mixed, { [name]: value }).paramGroups, label).toEqual(to.paramGroups);
        continue;
      }
      const witnesses = [to, ...arraysOf(mixed)];
      const message = new RegExp(`group 0 of the state do not fit\\. Expected '${name}' .* 'x', which is float32`);
      refuses(() => to.loadStateDict(state), "ERR_STATE", message, witnesses, label);
      refuses(() => make(optimizer, mixed, { [name]: value }), "ERR_OPTION", narrow(name), arraysOf(mixed), label);
      refuses(
        () => to.addParamGroup({ params: [parameter("y", 2)], [name]: value }),
        "ERR_OPTION",
        narrow(name),
        witnesses,
        label,
      );
    }
  });
});

describe("S7: options that are each in their domain, and together make what a number type does not hold", () => {
  type Case = readonly [string, NumberType, object, RegExp];
  const names = definitions.map(({ name }) => name);
  const decayed = [
    ["float32", { lr: 1e30, weightDecay: 1e10 }],
    ["float64", { lr: 1e200, weightDecay: 1e200 }],
  ] as const;
  const together: readonly Case[] = decayed.flatMap(([type, options]) => {
    const message = new RegExp(
      `^Expected 1 - lr \\* weightDecay to be a number that ${type} holds, as 'w' is, but it is -`,
    );
    return names.map((name) => [name, type, { ...options, decoupledWeightDecay: true }, message] as const);
  });
  const scaled: readonly Case[] = numberTypes.flatMap((type) => {
    const tiny = type === "float32" ? 1e-44 : 1e-323;
    const huge = type === "float32" ? 1e38 : 1e308;
    const message =
      /^Expected gradScale \/ \(lossScale \* gradientAccumulationSteps\) to be a number that .* which is 0/;
    const infinite = /^Expected gradScale \/ \(lossScale \* gradientAccumulationSteps\) to be .* but it is /;
    return names.flatMap((name) => [
      [name, type, { gradScale: tiny, lossScale: { initial: 2 ** 100 } }, message] as const,
      [name, type, { gradScale: tiny, lossScale: { initial: 2 ** 100 }, clipValue: 1 }, message] as const,
      [name, type, { gradScale: tiny, gradientAccumulationSteps: 2 ** 40 }, message] as const,
      [name, type, { gradScale: huge, lossScale: { initial: 0.125 } }, infinite] as const,
    ]);
  });
  test.each([...together, ...scaled])("%s, %s, %o", (name, type, options, message) => {
    const w = p(type, 0, 1);
    const optimizer = make(name, [w], options);
    const zero = p(type, 0, 0);
    for (let i = 0; i < 2; i++) {
      const before = { ...optimizer.state("w") };
      refuses(() => optimizer.step(), "ERR_OPTION", message, arraysOf([w]));
      refuses(() => optimizer.step({ w: { grad: zero.grad } }), "ERR_OPTION", message, arraysOf([w, zero]));
      expect(optimizer.state("w").step).toBe(before.step);
    }
    expect(optimizer.lastStep).toBeUndefined();
  });

  test("L2 decay has no factor that could overflow", () => {
    for (const name of names) {
      const w = p("float32", 0, 1);
      make(name, [w], { lr: 1e30, weightDecay: 1e10, decoupledWeightDecay: false }).step();
    }
  });
});

describe("S7: rates", () => {
  test.each([3.5e38, Number.MAX_VALUE])("that a function or a schedule returns: %d", (rate) => {
    for (const lr of [() => rate, (step: number) => (step === 3 ? rate : 1), schedules.reduceOnPlateau(rate)]) {
      for (const type of numberTypes) {
        const w = p(type, 0, 1);
        const optimizer = new SGD([w], { lr });
        const message =
          /^Expected lr\([13]\) to be at most 3\.4028234663852886e\+38 for 'w', which is float32, but it is /;
        if (type === "float64") {
          for (let i = 0; i < 3; i++) optimizer.step();
        } else {
          const error = thrownBy(() => {
            for (let i = 0; i < 3; i++) optimizer.step();
          });
          expectRefusal(error, "ERR_OPTION", message);
          refuses(() => optimizer.step(), "ERR_OPTION", message, [optimizer, w.data]);
        }
      }
    }
  });

  test("that decay below float32's numbers make steps that do nothing, which is what they round to", () => {
    const w = p("float32", 0, 1);
    const optimizer = new RMSprop([w], { lr: schedules.exponential(1, { gamma: 1e-20 }) });
    optimizer.step();
    optimizer.step();
    const before = bitsOf(w.data);
    for (let i = 0; i < 3; i++) optimizer.step();
    expect(bitsOf(w.data)).toEqual(before);
    expect(optimizer.state("w").step).toBe(5);
  });
});

describe("S7: options of an optimizer as a whole", () => {
  test.each([1e-46, 1e39])("clipGlobalNorm: %d is for float64 parameters", (clipGlobalNorm) => {
    const wide = parameter("w", 3, "float64");
    const optimizer = new SGD([wide], { clipGlobalNorm });
    train(optimizer, [wide], 1);
    const x = parameter("x", 3);
    const message = /^Expected 'clipGlobalNorm' to be null, or from .* for 'x', which is float32, but it is /;
    refuses(() => optimizer.addParamGroup({ params: [x] }), "ERR_OPTION", message, [optimizer, ...arraysOf([wide, x])]);
    refuses(() => new SGD([wide, x], { clipGlobalNorm }), "ERR_OPTION", message, arraysOf([wide, x]));
  });

  test.each([1e300, 1e-300, 2 ** 127 * (1 + 2 ** -52), 2 ** -126 * (1 - 2 ** -53), 0, Number.NaN, "2", null])(
    "a lossScale of %s, as an option or from a state",
    (scale) => {
      const w = p("float32", 0, 1);
      const given = { lossScale: { initial: scale } } as unknown as OptimizerOptions;
      refuses(
        () => new SGD([w], given),
        "ERR_OPTION",
        /'lossScale' to be .*2\^-126 <= initial <= 2\^127/,
        arraysOf([w]),
      );
      const optimizer = new SGD([w], { lossScale: {} });
      const state = optimizer.stateDict();
      (state.lossScale as { scale: unknown }).scale = scale;
      refuses(
        () => optimizer.loadStateDict(state),
        "ERR_STATE",
        /'lossScale' of the state to be \{ scale, goodSteps \}, from 2\^-126 to 2\^127/,
        [optimizer, ...arraysOf([w])],
      );
    },
  );

  test.each([2 ** 127, 2 ** -126])("a lossScale at the end of where it moves works: %d", (initial) => {
    const w = p("float32", 0, initial);
    const optimizer = new SGD([w], { lr: 0.5, lossScale: { initial, growthInterval: 1 } });
    optimizer.step();
    expect(Array.from(w.data)).toEqual([1, 0.5]);
  });
});

/** A count at its end. */
describe("F13: counts end at the step, with a sentence", () => {
  const last = Number.MAX_SAFE_INTEGER;
  const loaded = (step: number, options: object = {}, seed = 1) => {
    const w = parameter("w", 3, "float32", seed);
    const optimizer = new SGD([w], { momentum: 0.5, ...options });
    const state = optimizer.stateDict();
    Object.assign(state.state.w as object, { step });
    optimizer.loadStateDict(state);
    return { w, optimizer };
  };

  test.each([{}, { lr: (step: number) => 1 / step }, { ema: { decay: 0.5 } }])("steps: %o", (options) => {
    const { w, optimizer } = loaded(last - 3, options);
    train(optimizer, [w], 3);
    expect(optimizer.state("w").step).toBe(last);
    const message =
      /^Expected 'w' to have taken fewer than 9007199254740991 steps, because no more can be counted, but it has taken them all\.$/;
    const witnesses = [optimizer, ...arraysOf([w])];
    refuses(() => optimizer.step(), "ERR_STATE", message, witnesses);
    refuses(() => optimizer.step({ w: { grad: w.grad } }), "ERR_STATE", message, witnesses);
    const again = loaded(0, options, 2);
    again.optimizer.loadStateDict(optimizer.stateDict());
    refuses(() => again.optimizer.step(), "ERR_STATE", message, [again.optimizer, ...arraysOf([again.w])]);
  });

  test("off the event loop too", async () => {
    const { optimizer } = loaded(last);
    await expect(optimizer.stepAsync()).rejects.toThrow(/can be counted/);
  });

  test("calls that wait, good steps and reports never leave what a state can have", () => {
    const { w, optimizer } = loaded(5, { gradientAccumulationSteps: last, lossScale: { growthInterval: last } });
    const state = optimizer.stateDict();
    Object.assign(state.state.w as object, { accumulated: last - 1, gradAccumulator: new Float32Array(3) });
    state.lossScale = { scale: 2, goodSteps: last };
    optimizer.loadStateDict(state);
    train(optimizer, [w], 1);
    const after: StateDict = optimizer.stateDict();
    expect(after.state.w).toMatchObject({ step: 6, accumulated: 0 });
    expect(after.lossScale).toEqual({ scale: 4, goodSteps: 0 });
    optimizer.loadStateDict(after);

    const plateau = schedules.reduceOnPlateau(1, { patience: last, cooldown: last });
    plateau.loadStateDict({ rate: 1, best: 0, badReports: last, cooldownLeft: 0 });
    plateau.report(1);
    const { badReports, cooldownLeft } = plateau.stateDict();
    expect([badReports, cooldownLeft, plateau.rate(1)]).toEqual([0, last, 0.1]);
    plateau.loadStateDict(plateau.stateDict());
  });
});
