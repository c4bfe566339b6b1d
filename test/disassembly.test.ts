import { describe, expect, test } from "vitest";
import { rules } from "../lib/rules/all.ts";
import { usedSlots, variantsOf } from "../lib/rules/rule.ts";
import { numberTypes } from "./support/cases.ts";
import {
  buildList,
  canDisassemble,
  gradientKernelsOf,
  type Instruction,
  interfaceOf,
  kernelObject,
  kernelsOf,
  loopsWith,
  objectSets,
} from "./support/objects.ts";
import { trace } from "./support/trace.ts";

type Operation = "add" | "div" | "mul" | "fma";

/** What the instructions of a set look like; `vector` is what an operation is over whole vectors of it. */
const sets: Record<string, { hasFma: boolean; fused: RegExp; vector: Record<Operation, RegExp>; foreign: RegExp }> = {
  sse2: {
    hasFma: false,
    fused: /^vf/,
    vector: { add: /^addp[sd]\s+.*%xmm/, div: /^divp[sd]\s+.*%xmm/, mul: /^mulp[sd]\s+.*%xmm/, fma: /^vf/ },
    foreign: /^v|%ymm|%zmm/,
  },
  avx2: {
    hasFma: true,
    fused: /^vfn?m(add|sub)/,
    vector: {
      add: /^vaddp[sd]\s+.*%ymm/,
      div: /^vdivp[sd]\s+.*%ymm/,
      mul: /^vmulp[sd]\s+.*%ymm/,
      fma: /^vfn?m(add|sub)\d+p[sd]\s+.*%ymm/,
    },
    foreign: /%zmm|%k[0-7]/,
  },
  avx512: {
    hasFma: true,
    fused: /^vfn?m(add|sub)/,
    vector: {
      add: /^vaddp[sd]\s+.*%zmm/,
      div: /^vdivp[sd]\s+.*%zmm/,
      mul: /^vmulp[sd]\s+.*%zmm/,
      fma: /^vfn?m(add|sub)\d+p[sd]\s+.*%zmm/,
    },
    foreign: /^$/,
  },
  neon: {
    hasFma: true,
    fused: /^f(n?m(add|sub)|ml[as])/,
    vector: {
      add: /^fadd\s+v\d+\.(4s|2d)/,
      div: /^fdiv\s+v\d+\.(4s|2d)/,
      mul: /^fmul\s+v\d+\.(4s|2d)/,
      fma: /^fml[as]\s+v\d+\.(4s|2d)/,
    },
    foreign: /\bz\d+\./,
  },
};

/** The operation that shows whether a kernel works on vectors: the dearest one that its expression has. */
function telling(line: string): Operation {
  const found = (["div", "mul", "fma"] as const).find((operation) => line.includes(`(${operation} `));
  if (!found) throw new Error(`Expected a division, a product or an fma in ${line}.`);
  return found;
}

// Where an fma is emulated with 64-bit integers, GCC finds no vector form on sse2.
const vectorized = (isa: string, line: string) => (sets[isa]?.hasFma ?? false) || !line.includes("(fma ");

describe.skipIf(!canDisassemble)("the kernels' objects", () => {
  for (const isa of objectSets) {
    describe(isa, () => {
      const { fused, vector, foreign, hasFma } = sets[isa] as (typeof sets)[string];
      const lines = new Map(
        rules.flatMap((rule) =>
          numberTypes.flatMap((type) =>
            variantsOf(rule).map((variant) => {
              const line = trace(rule, type, variant);
              return [line.slice(0, line.indexOf(":")), line] as const;
            }),
          ),
        ),
      );
      const kernels = canDisassemble ? kernelsOf(kernelObject(isa)) : new Map<string, Instruction[]>();

      test("exports one symbol and needs none", () => {
        expect(interfaceOf(kernelObject(isa))).toEqual({ offers: [`rmsprop::${isa}::backend`], needs: [] });
      });

      test("has each kernel as a symbol of its own", () => {
        expect([...kernels.keys()].sort()).toEqual([...lines.keys()].sort());
      });

      test("holds vector instructions of its set", () => {
        const scalar = [...kernels].filter(([kernel, code]) => {
          const instruction = vector[telling(lines.get(kernel) as string)];
          return !code.some(({ text }) => instruction.test(text));
        });
        const expected = [...lines].filter(([, line]) => !vectorized(isa, line)).map(([kernel]) => kernel);
        expect(scalar.map(([kernel]) => kernel).sort()).toEqual(expected.sort());
      });

      // Where they begin elsewhere, a step in cache takes up to a twentieth longer.
      const aligned = buildList.instructionSets[process.arch]?.[isa]?.includes("-falign-loops=32");
      test.skipIf(!aligned)("begins its loops over vectors at multiples of 32 bytes", () => {
        const loops = [...kernels].flatMap(([kernel, code]) => {
          const instruction = vector[telling(lines.get(kernel) as string)];
          return loopsWith(code, instruction).map((address) => ({ kernel, address }));
        });
        expect(loops.length).toBeGreaterThan(100);
        expect(loops.filter(({ address }) => address % 32 !== 0)).toEqual([]);
      });

      test("holds no instruction of another set", () => {
        const found = [...kernels].flatMap(([kernel, code]) =>
          code.filter(({ text }) => foreign.test(text)).map(({ text }) => `${kernel}: ${text}`),
        );
        expect(found).toEqual([]);
      });

      test.skipIf(process.arch !== "x64")("asks for memory ahead exactly where it divides over three streams", () => {
        const found = [...kernels].filter(([, code]) => code.some(({ text }) => text.startsWith("prefetch")));
        const overThree = rules.flatMap((rule) =>
          numberTypes.flatMap((type) =>
            variantsOf(rule)
              .filter((variant) => usedSlots(rule, variant).length === 1)
              .map((variant) => `${rule.name} ${type} ${variant}`),
          ),
        );
        const expected = overThree.filter((kernel) => (lines.get(kernel) as string).includes("(div "));
        expect(found.map(([kernel]) => kernel).sort()).toEqual(expected.sort());
      });

      describe("what makes gradients", () => {
        const making = canDisassemble ? gradientKernelsOf(kernelObject(isa)) : new Map<string, Instruction[]>();
        const operations: Readonly<Record<string, readonly Operation[]>> = {
          ...{ add: ["add"], addFour: ["add"], divide: ["div", "mul"], multiply: ["mul", "add"] },
        };
        test.each(numberTypes)("works on vectors, in %s, and fuses nothing", (type) => {
          for (const [kernel, expected] of Object.entries(operations)) {
            const code = making.get(`${kernel} ${type}`) ?? [];
            for (const operation of expected) {
              expect(loopsWith(code, vector[operation]).length, `${kernel}, ${operation}`).toBeGreaterThan(0);
            }
            expect(code.filter(({ text }) => fused.test(text) || foreign.test(text))).toEqual([]);
          }
        });
      });

      test("has a fused instruction in exactly the kernels whose expression has an fma", () => {
        const found = [...kernels].filter(([, code]) => code.some(({ text }) => fused.test(text)));
        const expected = hasFma ? [...lines].filter(([, line]) => line.includes("(fma ")) : [];
        expect(found.map(([kernel]) => kernel).sort()).toEqual(expected.map(([kernel]) => kernel).sort());
      });
    });
  }
});
