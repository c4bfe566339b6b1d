// Whether a mutant is the same in both twins: short steps of every rule, of stages and of gradients that are made, by the
// add-on and by the reference, bit for bit. Where they differ, the mutant is one twin's alone and does not count.
import { expect, test } from "vitest";
import { useBackend } from "../../lib/backends/current.ts";
import { createReference } from "../../lib/backends/reference/reference.ts";
import { RMSprop, type RMSpropOptions } from "../../lib/index.ts";
import type { FloatArray } from "../../lib/numbers/typed-array.ts";
import { rules } from "../../lib/rules/all.ts";
import { usedSlots, variantsOf } from "../../lib/rules/rule.ts";
import { firstDifference, layout } from "../support/arena.ts";
import { bitsOf } from "../support/arrays.ts";
import { backends } from "../support/backends.ts";
import { numberTypes, uniformFrom } from "../support/cases.ts";
import { useOwnBackend } from "../support/every-backend.ts";
import { expectedOf, gradientsOf, inputsOf, stepAll } from "../support/stepping.ts";

const [native] = backends as [(typeof backends)[number]];
const reference = createReference();

const chosen = (process.env.RMSPROP_RULE ?? "").split(" ");

for (const rule of rules.filter(({ name }) => chosen.includes("all") || chosen.includes(name))) {
  test(`${rule.name}`, () => {
    for (const type of numberTypes) {
      const gradients = gradientsOf(type, "finite", 3);
      const at = layout(type, 0, [37]);
      for (const variant of variantsOf(rule)) {
        const inputs = inputsOf(rule, type, gradients);
        const expected = expectedOf(reference, rule, at, variant, inputs);
        const found = stepAll(native, rule, at, variant, inputs);
        const differences = ["param", ...usedSlots(rule, variant)].flatMap((name, i) => {
          const [a, b] = i === 0 ? [found.data, expected.data] : [found.slots[i - 1], expected.slots[i - 1]];
          return firstDifference(at, a as FloatArray, b as FloatArray) ? [`${name} of ${variant}`] : [];
        });
        expect(differences).toEqual([]);
      }
    }
  });
}

/** What steps with stages leave of everything. */
function staged(whole: object, options: RMSpropOptions, finite: boolean): unknown {
  const uniform = uniformFrom(3);
  const drawn = (length: number) => Array.from({ length }, () => 4 * uniform() - 2);
  const parameters = [1100, 0, 33, 8].map((length, i) => {
    const Floats = i % 2 === 0 ? Float32Array : Float64Array;
    return { name: `p${i}`, data: Floats.from(drawn(length)), grad: Floats.from(drawn(length)) };
  });
  const given = {
    factors: { x: Float32Array.from(drawn(6)), y: Float32Array.from(drawn(12)) },
    sums: Array.from({ length: 7 }, () => Float32Array.from(drawn(8))),
  };
  const data = Float32Array.from(drawn(8));
  const optimizer = new RMSprop([...parameters, { name: "made", data, grad: null, shape: [2, 4] }], {
    ...{ lr: 0.1, diagnostics: true },
    ...whole,
    ...options,
  });
  const reports: unknown[] = [];
  for (let step = 0; step < 5; step++) {
    for (const { grad } of parameters) grad.set(drawn(grad.length));
    if (step === 2 && !finite) (parameters[2]?.grad as Float64Array)[3] = Number.NaN;
    const grad = step % 2 === 0 ? given.factors : given.sums;
    const own = Object.fromEntries(parameters.map((each) => [each.name, { grad: each.grad }]));
    optimizer.step({ ...own, made: { grad } } as never);
    reports.push(optimizer.lastStep);
  }
  const arrays = [data, ...parameters.flatMap((each) => [each.data, each.grad])];
  const state = [...parameters.map(({ name }) => name), "made"].map((name) =>
    Object.entries(optimizer.state(name)).map(([slot, value]) => [
      slot,
      typeof value === "number" ? value : [...bitsOf(value as FloatArray)],
    ]),
  );
  return { reports, arrays: arrays.map((array) => [...bitsOf(array)]), state };
}

const sets: readonly (readonly [object, RMSpropOptions])[] = [
  [{}, {}],
  [{ clipGlobalNorm: 0.5 }, { clipNorm: 0.4, ema: { decay: 0.9 } }],
  [
    { gradientAccumulationSteps: 2, skipNonFinite: true },
    { clipValue: 0.3, zeroGrads: true },
  ],
  [
    { skipNonFinite: true, clipGlobalNorm: 1 },
    { gradScale: 0.3, clipNorm: 2 },
  ],
  [{ clipGlobalNorm: 3e-45 }, { gradScale: 1e-3, clipNorm: 1e-41 }],
];

test.skipIf(process.env.RMSPROP_RULE !== "")("stages", () => {
  for (const [whole, options] of sets) {
    for (const finite of [true, false]) {
      const [a, b] = [native, reference].map((backend) => {
        useBackend(backend);
        return staged(whole, options, finite);
      });
      useOwnBackend();
      expect(a).toEqual(b);
    }
  }
});
