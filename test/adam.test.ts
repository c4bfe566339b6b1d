// What Adam is by descent: RMSprop of an averaged gradient, and AdamW with other defaults.
import { describe, expect, test } from "vitest";
import { Adam, type AdamOptions, AdamW, type Optimizer, RMSprop } from "../lib/index.ts";
import { arrayType } from "./support/arena.ts";
import { gradients, numberTypes, uniformFrom } from "./support/cases.ts";
import { bitText } from "./support/steps.ts";

const elements = 517;

function setUp(type: (typeof numberTypes)[number] = "float32") {
  const uniform = uniformFrom(3);
  const data = new (arrayType(type))(elements).map(() => 2 * uniform() - 1);
  const grad = new (arrayType(type))(elements);
  const draw = () => {
    for (let i = 0; i < elements; i++) grad[i] = gradients.finite(uniform);
  };
  return { parameter: { name: "x", data, grad }, data, grad, draw };
}

/** Takes steps, each with gradients of its own. */
function train(optimizer: Pick<Optimizer<object>, "step">, draw: () => void, steps: number): void {
  for (let step = 0; step < steps; step++) {
    draw();
    optimizer.step();
  }
}

describe.each(numberTypes)("in %s", (type) => {
  test.each<AdamOptions>([
    {},
    { lr: 0.1, beta2: 0.9, eps: 1e-3 },
    { eps: 0 },
    { weightDecay: 0.1 },
    { weightDecay: 0.1, decoupledWeightDecay: true, maximize: true, gradScale: 0.5 },
  ])("Adam with beta1 0 and %o leaves the bits of RMSprop with bias correction", (options) => {
    const [adam, rmsprop] = [setUp(type), setUp(type)];
    const { beta2 = 0.999, ...shared } = options;
    const ours = new Adam([adam.parameter], { ...options, beta1: 0 });
    const theirs = new RMSprop([rmsprop.parameter], { lr: 0.001, ...shared, alpha: beta2, biasCorrection: true });
    train(ours, adam.draw, 100);
    train(theirs, rmsprop.draw, 100);
    expect(bitText(adam.data)).toBe(bitText(rmsprop.data));
    expect(bitText(ours.state("x").squareAvg)).toBe(bitText(theirs.state("x").squareAvg));
    expect(adam.data.every(Number.isFinite)).toBe(options.eps !== 0);
  });

  test.each<AdamOptions>([{}, { amsgrad: true, lr: 0.1 }, { preset: "torch" }])(
    "AdamW with %o leaves the bits of Adam with decoupled weight decay, and takes its state",
    (options) => {
      const [w, plain] = [setUp(type), setUp(type)];
      const ours = new AdamW([w.parameter], options as object);
      const theirs = new Adam([plain.parameter], { ...options, weightDecay: 0.01, decoupledWeightDecay: true });
      train(ours, w.draw, 20);
      train(theirs, plain.draw, 20);
      expect(bitText(w.data)).toBe(bitText(plain.data));
      expect(ours.stateDict()).toEqual(theirs.stateDict());
      const resumed = new AdamW([plain.parameter], options as object);
      resumed.loadStateDict(theirs.stateDict());
      train(ours, w.draw, 20);
      train(resumed, plain.draw, 20);
      expect(bitText(w.data)).toBe(bitText(plain.data));
    },
  );

  test("with amsgrad the mean square that counts is the largest so far, and NaN stays", () => {
    const { parameter, grad, draw } = setUp(type);
    const optimizer = new Adam([parameter], { amsgrad: true, beta2: 0.5 });
    let largest = new (arrayType(type))(elements);
    for (let step = 0; step < 30; step++) {
      draw();
      if (step === 20) grad[7] = Number.NaN;
      optimizer.step();
      const { squareAvg } = optimizer.state("x");
      largest = largest.map((value, i) =>
        Number.isNaN(squareAvg[i]) ? Number.NaN : Math.max(value, squareAvg[i] as number),
      );
      expect(optimizer.state("x").maxSquareAvg).toEqual(largest);
    }
    expect(largest.filter(Number.isNaN)).toHaveLength(1);
  });

  test("the preset tfjs goes on from a state to the bits of a run that went on, and beside others", () => {
    const [whole, parted, other] = [setUp(type), setUp(type), setUp(type)];
    const options = { preset: "tfjs", beta2: 0.99 } as const;
    const uninterrupted = new Adam([whole.parameter], options);
    const begun = new Adam([parted.parameter], options);
    train(begun, parted.draw, 150);
    const resumed = new Adam([parted.parameter], options);
    resumed.loadStateDict(begun.stateDict());
    const beside = new Adam([other.parameter], options);
    for (let step = 0; step < 300; step++) {
      train(uninterrupted, whole.draw, 1);
      if (step % 3 === 0) train(beside, other.draw, 1);
    }
    for (let step = 0; step < 150; step++) {
      train(resumed, parted.draw, 1);
      if (step % 7 === 0) train(beside, other.draw, 1);
    }
    expect(bitText(parted.data)).toBe(bitText(whole.data));
  });
});
