import { expect, test } from "vitest";
import { backend, RMSprop } from "rmsprop";

test("a step", () => {
  const w = { name: "w", data: Float32Array.of(1), grad: Float32Array.of(1) };
  new RMSprop([w], { lr: 0.5, alpha: 0 }).step();
  expect([backend.name, w.data[0]]).toEqual(["native", 0.5]);
});
