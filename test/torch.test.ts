// The presets `torch` against PyTorch 1.13.1 itself: trajectories made by peers/run_torch.py.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { definitions } from "../lib/optimizers/all.ts";
import { classOf } from "./support/classes.ts";
import { decode, drawsOf, ourOptions, ourSlot } from "./support/torch.ts";

interface Case {
  optimizer: string;
  options: Record<string, unknown>;
  param: string;
  state: Record<string, string>;
}

const { steps, elements, cases } = JSON.parse(
  readFileSync(join(import.meta.dirname, "peers", "torch.json"), "utf8"),
) as { steps: number; elements: number; cases: Case[] };

/** How many elements have other bits; NaN is one value. */
const differing = (found: ArrayLike<unknown>, expected: Float32Array) =>
  Array.from(expected).filter((value, i) => !Object.is(value, found[i])).length;

/** The optimizers that PyTorch has. */
const known = definitions.filter(({ presets }) => "torch" in presets).map(({ name }) => name);

describe("the preset torch leaves the bits of PyTorch 1.13.1", () => {
  test("run_torch.py has run every optimizer with the preset", () => {
    expect([...new Set(cases.map(({ optimizer }) => optimizer))].sort()).toEqual(known.sort());
  });

  test.each(cases)("$optimizer $options", ({ optimizer, options, param, state }) => {
    const draw = drawsOf(1);
    const data = Float32Array.from({ length: elements }, draw);
    const grad = new Float32Array(elements);
    const trained = new (classOf(optimizer))([{ name: "x", data, grad }], {
      lr: 0.01,
      ...ourOptions(options),
      preset: "torch",
    });
    const drawGradient = drawsOf(3);
    for (let step = 0; step < steps; step++) {
      for (let i = 0; i < elements; i++) grad[i] = drawGradient();
      trained.step();
    }
    const final = trained.state("x");
    const slots = Object.keys(state).map((name) => [ourSlot(name), decode(state[name] as string)] as const);
    expect(Object.keys(final).sort()).toEqual(["step", ...slots.map(([slot]) => slot)].sort());
    expect({
      param: differing(data, decode(param)),
      ...Object.fromEntries(slots.map(([slot, array]) => [slot, differing(final[slot] as Float32Array, array)])),
    }).toEqual(Object.fromEntries(["param", ...slots.map(([slot]) => slot)].map((name) => [name, 0])));
    expect(data.every(Number.isFinite)).toBe(true);
  });
});
