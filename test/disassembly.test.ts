import { describe, expect, test } from "vitest";
import { rules } from "../lib/optimizers/all.ts";
import { variantCount } from "../lib/rule.ts";
import { canDisassemble, interfaceOf, kernelObject, kernelsOf, objectSets } from "./support/objects.ts";
import { trace } from "./support/trace.ts";

const types = ["float32", "float64"] as const;

/** What the instructions of a set look like. */
const sets: Record<string, { hasFma: boolean; fused: RegExp; vectorDivision: RegExp; foreign: RegExp }> = {
  sse2: { hasFma: false, fused: /^vf/, vectorDivision: /^divp[sd]\s+.*%xmm/, foreign: /^v|%ymm|%zmm/ },
  avx2: { hasFma: true, fused: /^vfn?m(add|sub)/, vectorDivision: /^vdivp[sd]\s+.*%ymm/, foreign: /%zmm|%k[0-7]/ },
  avx512: { hasFma: true, fused: /^vfn?m(add|sub)/, vectorDivision: /^vdivp[sd]\s+.*%zmm/, foreign: /^$/ },
  neon: {
    hasFma: true,
    fused: /^f(n?m(add|sub)|ml[as])/,
    vectorDivision: /^fdiv\s+v\d+\.(4s|2d)/,
    foreign: /\bz\d+\./,
  },
};

// Kernels of a rule that divides; every rule so far does. Where an fma is emulated with 64-bit integers, GCC finds no
// vector form on sse2.
const vectorized = (isa: string, line: string) => (sets[isa]?.hasFma ?? false) || !line.includes("(fma ");

describe.skipIf(!canDisassemble)("the kernels' objects", () => {
  for (const isa of objectSets) {
    describe(isa, () => {
      const { fused, vectorDivision, foreign, hasFma } = sets[isa] as (typeof sets)[string];
      const lines = new Map(
        rules.flatMap((rule) =>
          types.flatMap((type) =>
            Array.from({ length: variantCount(rule) }, (_, variant) => {
              const line = trace(rule, type, variant);
              return [line.slice(0, line.indexOf(":")), line] as const;
            }),
          ),
        ),
      );
      const kernels = canDisassemble ? kernelsOf(kernelObject(isa)) : new Map<string, string[]>();

      test("exports one symbol and needs none", () => {
        expect(interfaceOf(kernelObject(isa))).toEqual({ offers: [`rmsprop::${isa}::backend`], needs: [] });
      });

      test("has each kernel as a symbol of its own", () => {
        expect([...kernels.keys()].sort()).toEqual([...lines.keys()].sort());
      });

      test("holds vector instructions of its set", () => {
        const scalar = [...kernels].filter(([, code]) => !code.some((instruction) => vectorDivision.test(instruction)));
        const expected = [...lines].filter(([, line]) => !vectorized(isa, line)).map(([kernel]) => kernel);
        expect(scalar.map(([kernel]) => kernel).sort()).toEqual(expected.sort());
      });

      test("holds no instruction of another set", () => {
        const found = [...kernels].flatMap(([kernel, code]) =>
          code.filter((instruction) => foreign.test(instruction)).map((instruction) => `${kernel}: ${instruction}`),
        );
        expect(found).toEqual([]);
      });

      test("has a fused instruction in exactly the kernels whose expression has an fma", () => {
        const found = [...kernels].filter(([, code]) => code.some((instruction) => fused.test(instruction)));
        const expected = hasFma ? [...lines].filter(([, line]) => line.includes("(fma ")) : [];
        expect(found.map(([kernel]) => kernel).sort()).toEqual(expected.map(([kernel]) => kernel).sort());
      });
    });
  }
});
