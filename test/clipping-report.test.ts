// What steps report of gradients that they clip by value.
import { describe, expect, test } from "vitest";
import { SGD } from "../lib/index.ts";

describe("what steps report of clipping", () => {
  test("values at the limit are not clipped", () => {
    const grad = Float32Array.of(0.5, -0.5, 0.75, -0.75, 0.25);
    const optimizer = new SGD([{ name: "x", data: new Float32Array(5), grad }], {
      ...{ lr: 1, clipValue: 0.5, diagnostics: ["clipped"] },
    });
    optimizer.step();
    expect(optimizer.lastStep?.clipped).toBe(2);
  });

  test("parameters that wait are not counted", () => {
    const parameters = ["a", "b"].map((name) => ({ name, data: new Float32Array(3), grad: Float32Array.of(2, 3, 4) }));
    const optimizer = new SGD(parameters, {
      ...{ lr: 1, clipValue: 0.5, gradientAccumulationSteps: 2, diagnostics: ["clipped"] },
    });
    optimizer.step({ a: { grad: Float32Array.of(2, 3, 4) } });
    optimizer.step();
    expect(optimizer.lastStep?.clipped).toBe(3);
  });

  test("infinite values are counted as not finite although they are clipped", () => {
    const grad = Float32Array.of(Number.POSITIVE_INFINITY, Number.NaN, 1, Number.NEGATIVE_INFINITY);
    const optimizer = new SGD([{ name: "x", data: new Float32Array(4), grad }], {
      ...{ lr: 1, clipValue: 0.5, diagnostics: ["nonFinite", "gradNorm"] },
    });
    optimizer.step();
    expect(optimizer.lastStep?.nonFinite).toBe(3);
  });
});
