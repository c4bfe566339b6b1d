// The kernels' WebAssembly works on vectors, and has no instruction whose bits another engine may choose.
import { describe, expect, test } from "vitest";
import { rules } from "../lib/rules/all.ts";
import { variantsOf } from "../lib/rules/rule.ts";
import { numberTypes } from "./support/cases.ts";
import { trace } from "./support/trace.ts";
import { wasm } from "./support/wasm.ts";
import { functionBodies, holds, vectorInstructions } from "./support/wasm-code.ts";

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
