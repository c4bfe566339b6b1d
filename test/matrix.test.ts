// Every backend equals the reference, bit for bit: every instruction set of this machine, and WebAssembly, x every set of flags x number type x length
// x offset x number of threads, over 20 steps, with finite gradients and with others (test/support/cases.ts).
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Backend, Run } from "../lib/backends/backend.ts";
import { createNative, loadBinding } from "../lib/backends/native.ts";
import { createReference, maxSlots } from "../lib/backends/reference.ts";
import { createWasm } from "../lib/backends/wasm.ts";
import { rules } from "../lib/optimizers/all.ts";
import { type AnyRule, flagsOf, usedSlots, variantsOf } from "../lib/rule.ts";
import type { FloatArray, NumberType } from "../lib/typed-array.ts";
import { arena, arrayType, countNaN, firstDifference, type Layout, layout, views } from "./support/arena.ts";
import {
  type GradientKind,
  gradients,
  numberTypes,
  offsets,
  type RuleCase,
  ruleCases,
  steps,
  threadCountsOf,
  uniformFrom,
} from "./support/cases.ts";
import { wasm } from "./support/wasm.ts";

/** The native add-on, unless RMSPROP_BACKEND asks for another backend. */
const binding = (process.env.RMSPROP_BACKEND || "native") === "native" ? loadBinding(rules) : undefined;
const natives = (binding?.describe().isas ?? []).map((isa) =>
  createNative(binding as never, { isa, elementsPerThread: 1 }),
);
const backends = [...natives, ...("kernels" in wasm ? [createWasm(wasm.kernels)] : [])];
const threadsBefore = binding?.threads() ?? 1;
afterAll(() => binding?.setThreads(threadsBefore));

const kinds = Object.keys(gradients) as GradientKind[];

type Draw = (uniform: () => number) => number;

/** Values of each length, drawn once: the same at every offset, on every backend. */
function drawn(type: NumberType, seed: number, draw: Draw): (length: number) => FloatArray {
  const byLength = new Map<number, FloatArray>();
  return (length) => {
    const present = byLength.get(length);
    if (present) return present;
    const uniform = uniformFrom(seed * 1_000_003 + length);
    const values = arrayType(type).from({ length }, () => draw(uniform));
    byLength.set(length, values);
    return values;
  };
}

const between =
  ([low, high]: readonly [number, number]): Draw =>
  (uniform) =>
    low + (high - low) * uniform();

interface Inputs {
  data: (length: number) => FloatArray;
  slots: Record<string, (length: number) => FloatArray>;
  gradients: ((length: number) => FloatArray)[];
}

interface Streams {
  data: FloatArray;
  slots: FloatArray[];
}

/** Steps every array of an arena, those at even offsets with one set of coefficients and the others with the other. */
function stepAll(backend: Backend, rule: AnyRule, at: Layout, variant: number, inputs: Inputs): Streams {
  const used = usedSlots(rule, variant);
  const streams = {
    data: arena(at, inputs.data),
    slots: used.map((slot) => arena(at, inputs.slots[slot] as Inputs["data"])),
  };
  const grad = new (arrayType(at.type))(at.size);
  const data = views(at, streams.data);
  const grads = views(at, grad);
  const slotViews = streams.slots.map((slot) => views(at, slot));
  const parameters = at.places.map((_, i) => ({
    data: data[i] as FloatArray,
    out: data[i] as FloatArray,
    grad: grads[i] as FloatArray,
    slots: rule.slots.map((slot: string) => slotViews[used.indexOf(slot)]?.[i] ?? null),
  }));
  const { coefficients } = ruleCases[rule.name] as RuleCase;
  const runs: Run[] = coefficients.map((values, half) => ({
    group: 0,
    variant,
    coefficients: rule.coefficients.map((name: string) => values[name] as number),
    selection: at.places.flatMap(({ offset }, i) => (offset % 2 === half ? [i] : [])),
  }));
  const bound = backend.bind([{ rule, type: at.type, parameters }], runs.length);
  if (!bound) throw new Error("Expected memory to bind the arrays.");
  for (const gradient of inputs.gradients) {
    at.places.forEach(({ length }, i) => {
      (grads[i] as FloatArray).set(gradient(length));
    });
    bound.step(runs);
  }
  return streams;
}

test("offsets of both halves are there", () => {
  expect(new Set(offsets.map((offset) => offset % 2))).toEqual(new Set([0, 1]));
});

test.each(rules)("$name has test cases for all it names", (rule) => {
  expect(rule.slots.length).toBeLessThanOrEqual(maxSlots);
  const { coefficients, initial } = ruleCases[rule.name] as RuleCase;
  for (const set of coefficients) expect(Object.keys(set)).toEqual(rule.coefficients);
  expect(Object.keys(initial)).toEqual(rule.slots);
});

describe.skipIf(backends.length === 0)("every backend equals the reference", () => {
  test("and wasm is one of them", (context) => {
    if ("missing" in wasm) context.skip(wasm.missing);
    expect(backends.map(({ isa }) => isa)).toContain("wasm");
  });

  let turn = 0;
  for (const type of numberTypes) {
    for (const kind of kinds) {
      describe(`${type}, ${kind} gradients`, () => {
        let gradientSteps: Inputs["gradients"] = [];
        let values = 0;
        let nan = 0;
        beforeAll(() => {
          gradientSteps = Array.from({ length: steps }, (_, step) => drawn(type, 100 + step, gradients[kind]));
        });
        afterAll(() => {
          gradientSteps = [];
          console.log(`${type}, ${kind} gradients: ${nan} of ${values} results are NaN`);
        });

        turn++; // so that a variant does not have the same turn for every type and kind
        for (const rule of rules) {
          for (const variant of variantsOf(rule)) {
            const ownTurn = turn++;
            const flags = Object.entries(flagsOf(rule, variant)).map(([flag, choice]) => `${flag}=${choice}`);
            test(`${rule.name} ${flags.join(" ")}`, { timeout: 60_000 }, () => {
              const at = layout(type, ownTurn);
              const { initial } = ruleCases[rule.name] as RuleCase;
              const inputs: Inputs = {
                data: drawn(type, 1, between([-2, 2])),
                slots: Object.fromEntries(
                  rule.slots.map((slot: string, i: number) => [
                    slot,
                    drawn(type, 2 + i, between(initial[slot] ?? [0, 0])),
                  ]),
                ),
                gradients: gradientSteps,
              };
              const expected = stepAll(createReference(), rule, at, variant, inputs);
              for (const arrays of [expected.data, ...expected.slots]) {
                values += arrays.length;
                nan += countNaN(arrays);
              }
              if (kind === "finite") expect(nan / values).toBeLessThanOrEqual(0.05);
              for (const [i, backend] of backends.entries()) {
                for (const threads of backend.name === "native" ? threadCountsOf(ownTurn + i) : [1]) {
                  backend.setThreads(threads);
                  const found = stepAll(backend, rule, at, variant, inputs);
                  const differences = [
                    ["param", found.data, expected.data] as const,
                    ...usedSlots(rule, variant).map(
                      (slot, i) => [slot, found.slots[i] as FloatArray, expected.slots[i] as FloatArray] as const,
                    ),
                  ].flatMap(([name, a, b]) => {
                    const difference = firstDifference(at, a, b);
                    return difference ? [`${name}: ${difference}`] : [];
                  });
                  expect(differences, `${backend.isa}, ${threads} threads`).toEqual([]);
                }
              }
            });
          }
        }
      });
    }
  }
});
