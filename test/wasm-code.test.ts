// The kernels' WebAssembly works on vectors, and has no instruction whose bits another engine may choose.
import { describe, expect, test } from "vitest";
import { rules } from "../lib/rules/all.ts";
import { variantsOf } from "../lib/rules/rule.ts";
import { numberTypes } from "./support/cases.ts";
import { trace } from "./support/trace.ts";
import { wasm } from "./support/wasm.ts";
import { callsIn, functionBodies, holds, vectorInstructions } from "./support/wasm-code.ts";

describe("the kernels' WebAssembly", () => {
  const bodies = "bytes" in wasm ? functionBodies(wasm.bytes) : [];

  for (const rule of rules) {
    for (const type of numberTypes) {
      test(`${rule.name} ${type}: every kernel has the operations of its expression over vectors`, (context) => {
        if ("missing" in wasm) context.skip(wasm.missing);
        else {
          const kernels = wasm.kernels.rules.get(rule.name)?.steps[type] ?? [];
          const lacking = variantsOf(rule).flatMap((variant) => {
            const line = trace(rule, type, variant);
            // JavaScript calls an exported function by its number.
            const code = bodies[Number((kernels[variant] as unknown as { name: string }).name)] as Uint8Array;
            return (["div", "mul", "sqrt"] as const)
              .filter((operation) => line.includes(`(${operation} `))
              .filter((operation) => !holds(code, vectorInstructions[type][operation]))
              .map((operation) => `${variant}: ${operation}`);
          });
          expect(lacking).toEqual([]);
        }
      });
    }
  }

  test.skipIf("missing" in wasm).each(numberTypes)("what makes gradients of %s works on vectors", (type) => {
    if ("missing" in wasm) return;
    const operations = { add: ["add"], addFour: ["add"], divide: ["div", "mul"], multiply: ["mul", "add"] } as const;
    for (const [stage, expected] of Object.entries(operations)) {
      const kernel = wasm.kernels.stages[type][stage as keyof typeof operations];
      const code = bodies[Number(kernel.name)] as Uint8Array;
      const all = [code, ...callsIn(code).flatMap((number) => bodies[number] ?? [])];
      for (const operation of expected) {
        const found = all.some((body) => holds(body, vectorInstructions[type][operation]));
        expect(found, `${stage}, ${operation}`).toBe(true);
      }
    }
  });

  test("has no relaxed instruction, a fused one among them", (context) => {
    if ("missing" in wasm) context.skip(wasm.missing);
    // Their numbers are 0x100 and above.
    const relaxed = bodies.filter((code) =>
      code.some(
        (byte, i) =>
          byte === 0xfd &&
          (code[i + 1] as number) >= 0x80 &&
          (code[i + 2] as number) >= 2 &&
          (code[i + 2] as number) < 4,
      ),
    );
    expect(relaxed.length).toBe(0);
    expect(bodies.length).toBeGreaterThan(100);
  });
});
