// Limits of norms where factors are subnormal, on every backend. The title of each test begins with the number under which
// the fault was reported.
import { describe, expect, test } from "vitest";
import type { Backend, Report, Run, Stages } from "../../lib/backends/backend.ts";
import { createReference } from "../../lib/backends/reference/reference.ts";
import { SGD, type SGDOptions } from "../../lib/index.ts";
import type { FloatArray, NumberType } from "../../lib/numbers/typed-array.ts";
import { variantOf } from "../../lib/rules/rule.ts";
import { sgdRule } from "../../lib/rules/sgd.ts";
import { bitsOf } from "../support/arrays.ts";
import { backends } from "../support/backends.ts";
import { noMeasures, plainRun } from "../support/stage-cases.ts";

const every: readonly Backend[] = [createReference(), ...backends];
const variant = variantOf(sgdRule, { gradScale: "on", weightDecay: "off", momentum: "off", arithmetic: "standard" });
const infinity = Number.POSITIVE_INFINITY;

interface Limits {
  readonly scale?: number;
  readonly clipNorm?: number;
  readonly clipGlobalNorm?: number;
  readonly clipValue?: number;
}

/** What gradients become: parameters at 0 less them, negated. Each is one parameter. */
function clipped(
  backend: Backend,
  type: NumberType,
  grads: readonly (readonly number[])[],
  limits: Limits,
): FloatArray[] {
  const { scale = 1, clipNorm = infinity, clipGlobalNorm = infinity, clipValue = infinity } = limits;
  const Floats = type === "float32" ? Float32Array : Float64Array;
  const parameters = grads.map((values) => {
    const data = new Floats(values.length);
    return { data, out: data, storage: type, source: { array: Floats.from(values), storage: type }, slots: [null] };
  });
  const runs: Run[] = [
    {
      ...{ group: 0, variant, selection: null },
      coefficients: [clipValue < infinity ? -1 : -scale, 0, 1, 0, 1, 1],
      stages: { ...plainRun, scale: Math.abs(scale), clipNorm, clipValue },
    },
  ];
  const stages: Stages = { skipNonFinite: false, clipGlobalNorm, measures: noMeasures, report: {} as Report };
  backend.bind([{ rule: sgdRule, type, parameters }], 1, true)?.step(runs, stages);
  return parameters.map(({ data }) => data);
}

const norm = (arrays: readonly FloatArray[]) => Math.hypot(...arrays.flatMap((array) => Array.from(array)));

// The least number of each type, the largest that gradients have, and what they round by.
const types = [
  ["float32", 2 ** -149, 3e38, 2 ** -23],
  ["float64", Number.MIN_VALUE, 1.3e154, 2 ** -50],
] as const;

describe.each(types)("%s", (type, least, most, epsilon) => {
  const subnormal = least * (type === "float32" ? 2 ** 23 : 2 ** 52);
  // Factors in units of the least number: those below 1, just above it and its multiples, and as many as are exact.
  const units = [0.3, 0.5, 0.6, 0.75, 0.999, 1, 1.4, 1.5, 1.75, 2.5, 2.6, 3.7, 100.5, 1000.7, 12_345.6, 4e6 + 0.7];

  test.each(units)("S9: a factor of %d of the least number never brings a norm above its limit", (unit) => {
    for (const large of [most, most / 3, most / 1e4]) {
      const limit = unit * (least * large);
      for (const grads of [[[large]], [[-large, 0]], [[large / 4, large / 2, large / 8], [large / 2]], [[], [large]]]) {
        for (const sign of [1, -1]) {
          const parts = grads.map((values) => values.map((x) => sign * x));
          // In float64 the squares of such norms vanish, so that no second limit sees what the first has left.
          const both = type === "float32" ? [{ clipNorm: limit * 2, clipGlobalNorm: limit }] : [];
          for (const limits of [{ clipNorm: limit }, { clipGlobalNorm: limit }, ...both]) {
            const all = every.map((backend) => clipped(backend, type, parts, limits));
            const [reference = []] = all;
            const label = `${JSON.stringify(parts)} ${JSON.stringify(limits)}`;
            for (const array of reference) {
              if ("clipNorm" in limits)
                expect(norm([array]), label).toBeLessThanOrEqual(limits.clipNorm * (1 + epsilon));
            }
            if ("clipGlobalNorm" in limits) expect(norm(reference), label).toBeLessThanOrEqual(limit * (1 + epsilon));
            for (const found of all) expect(found.map(bitsOf), label).toEqual(reference.map(bitsOf));
          }
        }
      }
    }
  });

  test("S9: with scales of the gradients, maximized or not, and after clipping by value", () => {
    for (const unit of units) {
      for (const scale of [2 ** -20, 1e-3, 3, -(2 ** -20), -7]) {
        const limit = unit * (least * most);
        // What the rule multiplies by is the product; the norm has the scale in it.
        for (const limits of [
          { scale, clipNorm: limit },
          { scale, clipNorm: limit, clipValue: most / 4 },
        ]) {
          const all = every.map((backend) => clipped(backend, type, [[most / 2]], limits));
          const [reference = []] = all;
          expect(norm(reference), JSON.stringify(limits)).toBeLessThanOrEqual(limit * (1 + epsilon));
          for (const found of all) expect(found.map(bitsOf)).toEqual(reference.map(bitsOf));
        }
      }
    }
  });

  test("S9: where the factor is normal, or rounded down, no bit is another", () => {
    const round = type === "float32" ? Math.fround : (x: number) => x;
    let kept = 0;
    for (let i = 0; i < 4000; i++) {
      const g = round(most / (1 + (i % 37) * 1.37 ** (i % 60)));
      const limit = round(g / 1.31 ** (i % 600));
      const factor = limit / g >= 1 ? 1 : limit / g;
      const rounded = round(factor);
      if (rounded < subnormal && (type === "float64" || rounded > factor)) continue;
      kept++;
      const [found = new Float64Array(1)] = clipped(every[0] as Backend, type, [[g]], { clipNorm: limit });
      expect(Object.is(found[0], round(rounded * g)), `${g} ${limit}`).toBe(true);
    }
    expect(kept).toBeGreaterThan(2000);
  });
});

test("S9: what is exact, or rounds to a normal number, is not taken down", () => {
  const [reference] = every as [Backend];
  const one = (type: NumberType, grad: number, limits: Limits) =>
    (clipped(reference, type, [[grad]], limits)[0] as FloatArray)[0];
  const [below, large] = [1 - 2 ** -53, 2 ** 511];
  for (const sign of [1, -1]) {
    // Factors that are exact, and one that is not: 2.625 units are 2.
    expect(one("float64", large, { scale: sign, clipNorm: 2 ** -519 })).toBe(sign * 2 ** -519);
    expect(one("float64", large, { scale: sign * 0.5, clipNorm: 2 ** -521 })).toBe(sign * 2 ** -521);
    expect(one("float64", large, { scale: sign, clipNorm: 2.625 * 2 ** -563 })).toBe(sign * 2 ** -562);
    // A factor, a product with the scale and a coefficient of float32, each just below the least normal number.
    expect(one("float64", large, { scale: sign, clipNorm: 2 ** -511 * below })).toBe(sign * 2 ** -511);
    expect(one("float64", large, { scale: sign * 0.5 * below, clipNorm: 2 ** -511 * below })).toBe(sign * 2 ** -511);
    expect(one("float32", 2 ** 100, { scale: sign, clipNorm: 2 ** -26 * (1 - 2 ** -30) })).toBe(sign * 2 ** -26);
  }
});

test.each([{ clipNorm: 2.4e-7 }, { clipGlobalNorm: 2.4e-7 }] as (SGDOptions & { clipGlobalNorm?: number })[])(
  "S9: the limit that was exceeded: %o",
  (options) => {
    for (const maximize of [false, true]) {
      const p = { name: "w", data: Float32Array.of(0), grad: Float32Array.of(3e38) };
      new SGD([p], { lr: 1, maximize, ...options }).step();
      expect(Math.abs(p.data[0] as number)).toBeLessThanOrEqual(2.4e-7);
    }
  },
);
