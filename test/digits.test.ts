// The forms in which the demo trains its network leave the weights that they promise.
import { SGD } from "rmsprop";
import { expect, test } from "vitest";
import { loadDigits } from "../examples/digits-data.ts";
import { type Form, trainerOf } from "../examples/digits-trainer.ts";
import { mulberry32 } from "../examples/random.ts";

const { train: digits } = loadDigits(70, mulberry32(1));
const order = Uint32Array.from(digits.labels.keys());
/** The last batch of an epoch has six images. */
const batchSize = 32;

function trained(form: Form): Float32Array[] {
  const { weights, parameters, backward } = trainerOf(form, { digits, order, batchSize }, mulberry32(2));
  const optimizer = new SGD(parameters, { lr: 0.1 });
  for (let epoch = 0; epoch < 3; epoch++) {
    for (let from = 0; from < order.length; from += batchSize) {
      expect(backward(from)).toBeGreaterThan(0);
      optimizer.step();
    }
  }
  return Object.values(weights);
}

/** The largest difference of two trainings' weights. */
function distance(some: readonly Float32Array[], others: readonly Float32Array[]): number {
  return Math.max(
    ...some.map((weights, i) =>
      weights.reduce((largest, weight, k) => Math.max(largest, Math.abs(weight - (others[i]?.[k] as number))), 0),
    ),
  );
}

test("factors make the gradients of the loops, but for their rounding, of a smaller last batch too", () => {
  const [loops, factors] = [trained({ factors: false }), trained({ factors: true })];
  expect(distance(loops, factors)).toBeLessThan(1e-6);
  const start = Object.values(trainerOf({ factors: false }, { digits, order, batchSize }, mulberry32(2)).weights);
  expect(distance(loops, start)).toBeGreaterThan(1e-2);
});
