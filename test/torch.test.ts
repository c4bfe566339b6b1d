// The presets `torch` against PyTorch 1.13.1 itself: trajectories made by peers/run_torch.py.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { Adagrad, RMSprop, Rprop, SGD } from "../lib/index.ts";
import { uniformFrom } from "./support/cases.ts";

const classes = { Adagrad, RMSprop, Rprop, SGD };

interface Case {
  optimizer: keyof typeof classes;
  options: Record<string, unknown>;
  param: string;
  state: Record<string, string>;
}

const { steps, elements, cases } = JSON.parse(
  readFileSync(join(import.meta.dirname, "peers", "torch.json"), "utf8"),
) as { steps: number; elements: number; cases: Case[] };

/** Our name of an option or a state array of PyTorch's. */
const ours = (name: string) =>
  name === "initial_accumulator_value"
    ? "initialAccumulator"
    : name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());

const decode = (text: string) => {
  const bytes = Buffer.from(text, "base64");
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
};

/** As peers/run_torch.py draws. */
function drawsOf(seed: number): () => number {
  const value = uniformFrom(seed);
  const kind = uniformFrom(seed + 1);
  return () => {
    const x = 2 * value() - 1;
    const k = kind();
    return x * (k < 0.05 ? 0 : k < 0.1 ? 2 ** -80 : k < 0.15 ? 2 ** 10 : 1);
  };
}

/** How many elements have other bits; NaN is one value. */
const differing = (found: ArrayLike<unknown>, expected: Float32Array) =>
  Array.from(expected).filter((value, i) => !Object.is(value, found[i])).length;

describe("the preset torch leaves the bits of PyTorch 1.13.1", () => {
  test.each(cases)("$optimizer $options", ({ optimizer, options, param, state }) => {
    const draw = drawsOf(1);
    const data = Float32Array.from({ length: elements }, draw);
    const grad = new Float32Array(elements);
    const given = Object.fromEntries(Object.entries(options).map(([name, value]) => [ours(name), value]));
    const trained = new classes[optimizer]([{ name: "x", data, grad }], { lr: 0.01, ...given, preset: "torch" });
    const drawGradient = drawsOf(3);
    for (let step = 0; step < steps; step++) {
      for (let i = 0; i < elements; i++) grad[i] = drawGradient();
      trained.step();
    }
    const final = trained.state("x");
    const slots = Object.keys(state).map((name) => [ours(name), decode(state[name] as string)] as const);
    expect(Object.keys(final).sort()).toEqual(["step", ...slots.map(([slot]) => slot)].sort());
    expect({
      param: differing(data, decode(param)),
      ...Object.fromEntries(slots.map(([slot, array]) => [slot, differing(final[slot] as Float32Array, array)])),
    }).toEqual(Object.fromEntries(["param", ...slots.map(([slot]) => slot)].map((name) => [name, 0])));
    expect(data.every(Number.isFinite)).toBe(true);
  });
});
