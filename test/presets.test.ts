// Every preset in float64 against its system's formula, computed independently (support/optimizers/). float32 is
// compared with the systems themselves where they run here (torch.test.ts, tfjs.test.ts).
import { describe, expect, test } from "vitest";
import { uniformFrom } from "./support/cases.ts";
import { classOf } from "./support/classes.ts";
import { rows } from "./support/optimizers/all.ts";

/** Whether the system makes NaN of a zero gradient: the lecture has no epsilon, and TensorFlow.js subtracts it. */
const dividesByZero = (preset: string, options: object) =>
  preset === "hinton" || (preset === "tfjs" && "centered" in options);

const elements = 101;
const steps = 200;

describe.each(rows)("the presets of $definition.name follow their systems in float64", ({ definition, presets }) => {
  const { name } = definition;
  test("each has a formula and cases", () => {
    expect(Object.keys(presets)).toEqual(Object.keys(definition.presets));
    for (const [preset, { cases }] of Object.entries(presets)) expect(cases.length, preset).toBeGreaterThan(0);
  });

  const each = Object.entries(presets).flatMap(([preset, { formula, cases }]) =>
    cases.map((options) => ({ preset, formula, options })),
  );
  test.each(each)("$preset $options", ({ preset, formula, options }) => {
    const uniform = uniformFrom(7);
    const data = Float64Array.from({ length: elements }, () => 2 * uniform() - 1);
    const grad = new Float64Array(elements);
    const systems = Array.from({ length: elements }, () => formula(options));
    const expected = data.slice();
    const optimizer = new (classOf(name))([{ name: "x", data, grad }], { ...options, preset });
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
