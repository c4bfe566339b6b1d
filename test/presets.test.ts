// Every preset in float64 against its system's formula, computed independently (support/formulas.ts). float32 is
// compared with the systems themselves where they run here (torch.test.ts, tfjs.test.ts).
import { describe, expect, test } from "vitest";
import { Adagrad, RMSprop, Rprop, SGD } from "../lib/index.ts";
import { definitions } from "../lib/optimizers/all.ts";
import { uniformFrom } from "./support/cases.ts";
import type { Formula } from "./support/formula.ts";
import { formulas } from "./support/formulas.ts";

const classes = { Adagrad, RMSprop, Rprop, SGD };
type Name = keyof typeof classes;
const momentum = { momentum: 0.9, lr: 0.003 };
const nesterov = { ...momentum, nesterov: true };
const centered = { centered: true };
const decay = { weightDecay: 0.02 };

/** The options that each preset is compared with: the defaults, and what else its system has. */
const cases: Readonly<Record<Name, Readonly<Record<string, readonly object[]>>>> = {
  RMSprop: {
    torch: [{}, momentum, centered, decay, { ...momentum, ...centered, ...decay, maximize: true }],
    torch2: [{}, momentum, centered, { ...centered, alpha: 0.3 }, { ...momentum, ...centered, ...decay }],
    tf1: [{}, momentum, centered, { ...momentum, ...centered, alpha: 0.95 }],
    keras: [{}, momentum, centered, decay, { ...momentum, ...centered, ...decay, eps: 1e-3 }],
    tfjs: [{}, momentum, centered, { ...momentum, ...centered, alpha: 0.95, eps: 1e-6 }],
    optax: [
      {},
      momentum,
      nesterov,
      centered,
      { epsInSqrt: false, initialSquareAvg: 0.5 },
      { biasCorrection: true },
      { ...nesterov, ...centered, biasCorrection: true, alpha: 0.99 },
    ],
    timm: [
      {},
      momentum,
      centered,
      decay,
      { ...decay, decoupledWeightDecay: true },
      { ...momentum, ...centered, ...decay, lrInMomentum: false },
    ],
    mxnet: [{}, decay, centered, { ...centered, ...decay, momentum: 0.5 }],
    mlx: [{}, { lr: 0.003, alpha: 0.9, eps: 1e-3 }],
    graves: [{}, { lr: 0.01, alpha: 0.9, momentum: 0.5, eps: 0.01 }],
    dqn: [{}, { lr: 0.01, alpha: 0.9, eps: 1e-3 }],
    hinton: [{}, { lr: 0.1 }],
  },
  SGD: {
    torch: [{}, momentum, nesterov, decay, { ...momentum, dampening: 0.3, ...decay, maximize: true }],
    tf1: [{}, momentum, nesterov],
    keras: [{}, momentum, nesterov, decay, { ...nesterov, ...decay }],
    tfjs: [{}, momentum, nesterov],
    optax: [{}, momentum, nesterov],
  },
  Adagrad: {
    torch: [{}, { lr: 0.1, lrDecay: 0.1, ...decay, initialAccumulator: 0.5, eps: 1e-3 }],
    keras: [{}, decay, { lr: 0.1, initialAccumulator: 0.5, eps: 1e-3 }],
    tfjs: [{}, { lr: 0.1, initialAccumulator: 0.5 }],
    optax: [{}, { lr: 0.1, initialAccumulator: 0 }],
  },
  Rprop: {
    torch: [{}, { lr: 100, etas: [0.3, 1.5], stepSizes: [0.01, 2] }],
    optax: [{}, { lr: 100, etas: [0.3, 1.5], stepSizes: [0.01, 2] }],
  },
};

/** Whether the system makes NaN of a zero gradient: the lecture has no epsilon, and TensorFlow.js subtracts it. */
const dividesByZero = (preset: string, options: object) =>
  preset === "hinton" || (preset === "tfjs" && "centered" in options);

test("every optimizer is here", () => {
  expect(Object.keys(classes).sort()).toEqual(definitions.map(({ name }) => name).sort());
});

const elements = 101;
const steps = 200;

describe.each(Object.keys(classes) as Name[])("the presets of %s follow their systems in float64", (name) => {
  test("each has a formula and cases", () => {
    const presets = Object.keys(definitions.find((definition) => definition.name === name)?.presets ?? {});
    expect(Object.keys(formulas[name] as object)).toEqual(presets);
    expect(Object.keys(cases[name])).toEqual(presets);
  });

  const rows = Object.entries(cases[name]).flatMap(([preset, list]) => list.map((options) => ({ preset, options })));
  test.each(rows)("$preset $options", ({ preset, options }) => {
    const uniform = uniformFrom(7);
    const data = Float64Array.from({ length: elements }, () => 2 * uniform() - 1);
    const grad = new Float64Array(elements);
    const formula = formulas[name]?.[preset] as Formula;
    const systems = Array.from({ length: elements }, () => formula(options));
    const expected = data.slice();
    const optimizer = new classes[name]([{ name: "x", data, grad }], { ...options, preset } as object);
    for (let t = 1; t <= steps; t++) {
      for (let i = 0; i < elements; i++) {
        const zero = uniform() < (dividesByZero(preset, options) ? 0 : 0.1);
        grad[i] = (uniform() < 0.5 ? -1 : 1) * (zero ? 0 : 0.05 + uniform());
      }
      systems.forEach(({ step }, i) => {
        expected[i] = step(expected[i] as number, grad[i] as number, t);
      });
      optimizer.step();
    }
    const state = optimizer.state("x");
    const states = systems.map((system) => system.state);
    const slots = Object.keys(state).filter((slot) => slot !== "step");
    expect(slots.sort()).toEqual(Object.keys(states[0] as object).sort());
    const differing = (found: ArrayLike<number>, values: (i: number) => number | undefined) =>
      Array.from(found).filter((value, i) => !Object.is(value, values(i))).length;
    expect({
      param: differing(data, (i) => expected[i]),
      ...Object.fromEntries(
        slots.map((slot) => [slot, differing(state[slot] as Float64Array, (i) => states[i]?.[slot])]),
      ),
    }).toEqual(Object.fromEntries(["param", ...slots].map((array) => [array, 0])));
    expect(data.every(Number.isFinite)).toBe(true);
  });
});
