// Operations of rules that only rare options and values show: values computed by hand, each operation rounded once. No other
// test of formulas comes to them (npm run mutation).
import { describe, expect, test } from "vitest";
import { Adadelta, Adagrad, Adam, RMSprop, Rprop } from "../lib/index.ts";

const { fround, sqrt } = Math;

/** a * b + c of float32 numbers, rounded once: the double sum is rounded to odd first. */
function fma32(a: number, b: number, c: number): number {
  const product = a * b; // exact
  const sum = product + c;
  const part = sum - product;
  const rest = product - (sum - part) + (c - part);
  if (rest === 0) return fround(sum);
  const words = new BigInt64Array(Float64Array.of(sum).buffer);
  const bits = words[0] as bigint;
  if (bits % 2n === 0n) words[0] = bits + (rest > 0 === sum > 0 ? 1n : -1n);
  return fround(new Float64Array(words.buffer)[0] as number);
}

describe("decoupled decay in the arithmetic of a preset", () => {
  test("RMSprop with torch multiplies the parameter", () => {
    const [data, grad] = [Float64Array.of(1.25), Float64Array.of(0.5)];
    const options = { lr: 0.1, alpha: 0.9, eps: 1e-3, weightDecay: 0.5, decoupledWeightDecay: true };
    new RMSprop([{ name: "x", data, grad }], { preset: "torch", ...options }).step();
    const v = (1 - 0.9) * 0.5 * 0.5;
    expect(data[0]).toBe((1 - 0.1 * 0.5) * 1.25 - (0.1 * 0.5) / (sqrt(v) + 1e-3));
  });

  test("Adadelta with torch multiplies the parameter", () => {
    const [data, grad] = [Float64Array.of(1.25), Float64Array.of(0.5)];
    const options = { lr: 0.1, rho: 0.9, eps: 1e-3, weightDecay: 0.5, decoupledWeightDecay: true };
    new Adadelta([{ name: "x", data, grad }], { preset: "torch", ...options }).step();
    const v = (1 - 0.9) * 0.5 * 0.5;
    const d = (sqrt(1e-3) / sqrt(v + 1e-3)) * 0.5;
    expect(data[0]).toBe((1 - 0.1 * 0.5) * 1.25 + d * -0.1);
  });

  test("RMSprop with keras subtracts it, and the rate may come after momentum", () => {
    const [data, grad] = [Float64Array.of(1.25), Float64Array.of(0.5)];
    const options = { lr: 0.1, alpha: 0.9, eps: 1e-3, momentum: 0.6, lrInMomentum: false, weightDecay: 0.5 };
    new RMSprop([{ name: "x", data, grad }], { preset: "keras", ...options }).step();
    const v = (1 - 0.9) * (0.5 * 0.5);
    expect(data[0]).toBe(1.25 - 1.25 * 0.5 * 0.1 - 0.1 * (0.5 / sqrt(v + 1e-3)));
  });
});

test("Rprop with torch fuses its weight decay", () => {
  const values = Float32Array.from({ length: 64 }, (_, i) => Math.sin(i + 1));
  const grad = values.map((_, i) => Math.cos(3 * i));
  const decay = fround(0.07);
  const optimizer = new Rprop([{ name: "x", data: values.slice(), grad }], { preset: "torch", weightDecay: 0.07 });
  optimizer.step();
  const expected = values.map((x, i) => fma32(x, decay, grad[i] as number));
  expect(optimizer.state("x").prev).toEqual(expected);
  const unfused = values.map((x, i) => fround(fround(x * decay) + (grad[i] as number)));
  expect(unfused).not.toEqual(expected);
});

test.each([0.9, 0.6, 0.5, 0.3])("RMSprop with torch2 has a fused lerp, alpha %d", (alpha) => {
  const grads = [0, 1, 2].map((t) => Float32Array.from({ length: 64 }, (_, i) => Math.cos(3 * i + t)));
  const grad = new Float32Array(64);
  const optimizer = new RMSprop([{ name: "x", data: new Float32Array(64), grad }], {
    ...{ preset: "torch2", centered: true, alpha, lr: 0.1, eps: 1 },
  });
  const mean = new Float32Array(64);
  const weight = fround(1 - alpha);
  for (const each of grads) {
    grad.set(each);
    optimizer.step();
    for (let i = 0; i < 64; i++) {
      const [g, m] = [each[i] as number, mean[i] as number];
      mean[i] = weight < 0.5 ? fma32(weight, fround(g - m), m) : fma32(fround(weight - 1), fround(g - m), g);
    }
  }
  expect(optimizer.state("x").gradAvg).toEqual(mean);
});

test.each([
  [Float32Array, 1e-30],
  [Float64Array, 1e-200],
] as const)("%o: Adagrad with optax takes no step where the sum of squares is 0", (Floats, tiny) => {
  const [data, grad] = [new Floats(2), Floats.of(tiny, 0)];
  new Adagrad([{ name: "x", data, grad }], { preset: "optax", lr: 0.1, initialAccumulator: 0 }).step();
  expect(Array.from(data, Math.abs)).toEqual([0, 0]);
});

test.each([
  [Float32Array, 1e-30],
  [Float64Array, 1e-200],
] as const)("%o: gains agree over gradients whose products with the buffer vanish", (Floats, tiny) => {
  const [data, grad] = [new Floats(2), Floats.of(tiny, -tiny)];
  const gains = { up: 0.25, down: 0.5, min: 0.125, max: 4 };
  const optimizer = new RMSprop([{ name: "x", data, grad }], { lr: 0.1, eps: 1e-3, momentum: 0.5, gains });
  optimizer.step();
  optimizer.step();
  expect(optimizer.state("x").gains).toEqual(Floats.of(1.25, 1.25));
  grad.reverse();
  optimizer.step();
  expect(optimizer.state("x").gains).toEqual(Floats.of(0.625, 0.625));
});

describe("a variance that is NaN stays so", () => {
  test("RMSprop, centered, where both squares are infinite", () => {
    const data = Float64Array.of(1);
    const options = { lr: 0.1, alpha: 0.5, centered: true } as const;
    new RMSprop([{ name: "x", data, grad: Float64Array.of(1e200) }], options).step();
    expect(data[0]).toBeNaN();
  });

  test("Adam, whose beta2 is 0, after a square that is infinite", () => {
    const [data, grad] = [Float64Array.of(1), Float64Array.of(1e200)];
    const optimizer = new Adam([{ name: "x", data, grad }], { lr: 0.1, beta2: 0 });
    optimizer.step();
    expect(data[0]).toBe(1);
    grad[0] = 1;
    optimizer.step();
    expect(data[0]).toBeNaN();
  });
});
