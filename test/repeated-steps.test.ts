// A step that differs from the last in its number alone is not told to the backend again (lib/step/coefficients.ts,
// `isRepeated`). Whatever comes between two steps, they must leave the bits of steps that are each told in full.
import { expect, test } from "vitest";
import { allocate, RMSprop } from "../lib/index.ts";
import { cosine } from "../lib/schedules/index.ts";

type Options = ConstructorParameters<typeof RMSprop>[1];
const options: Options = { lr: 0.01, centered: true, momentum: 0.9, weightDecay: 0.01 };
const shapes = { a: [100], b: [3000] } as const;

function makeModel() {
  const model = allocate(shapes);
  for (const [seed, { data, grad }] of model.parameters.entries()) {
    for (let i = 0; i < data.length; i++) {
      data[i] = Math.fround(((i * 7919 + seed) % 1000) / 500 - 1);
      (grad as Float32Array)[i] = Math.fround(((i * 104729 + 17 * seed) % 1000) / 250 - 2);
    }
  }
  return model;
}

type Between = (optimizer: RMSprop, grads: { readonly a: Float32Array; readonly b: Float32Array }) => unknown;

const betweens: Readonly<Record<string, Between>> = {
  nothing: () => {},
  "another gradient": (_, { b }) => b.fill(0.25),
  "another rate": ({ paramGroups }) => {
    (paramGroups[0] as { lr: unknown }).lr = 0.5;
  },
  "the same rate": ({ paramGroups }) => {
    (paramGroups[0] as { lr: unknown }).lr = 0.01;
  },
  "a rate by function": ({ paramGroups }) => {
    (paramGroups[0] as { lr: unknown }).lr = (step: number) => 1 / step;
  },
  "a schedule": ({ paramGroups }) => {
    (paramGroups[0] as { lr: unknown }).lr = cosine(0.3, { steps: 10 });
  },
  "a rate by function for one step off the event loop": async (optimizer) => {
    const [group] = optimizer.paramGroups as unknown as [{ lr: unknown }];
    group.lr = (step: number) => 1 / step;
    await optimizer.stepAsync();
  },
  "another set of flags": ({ paramGroups }) => {
    (paramGroups[0] as { nesterov: boolean }).nesterov = true;
  },
  "a correction that follows the step": ({ paramGroups }) => {
    (paramGroups[0] as { biasCorrection: boolean }).biasCorrection = true;
  },
  "a stage": ({ paramGroups }) => {
    (paramGroups[0] as { clipValue: number }).clipValue = 0.5;
  },
  "a gradient scale": ({ paramGroups }) => {
    (paramGroups[0] as { gradScale: number }).gradScale = 0.5;
  },
  "a step off the event loop": (optimizer) => optimizer.stepAsync(),
  "another rate and a step off the event loop": (optimizer) => {
    (optimizer.paramGroups[0] as { lr: unknown }).lr = 0.5;
    return optimizer.stepAsync();
  },
  "a step of one parameter": (optimizer, { a }) => optimizer.step({ a }),
  "a frozen parameter": (optimizer) => optimizer.freeze("b"),
  "a parameter that leaves": (optimizer) => optimizer.remove("a"),
  "a parameter that comes": (optimizer) =>
    optimizer.addParamGroup({
      params: [{ name: "c", data: new Float32Array(9).fill(1), grad: new Float32Array(9).fill(2) }],
    }),
  "a refused step": (optimizer) => {
    (optimizer.paramGroups[0] as { lr: unknown }).lr = () => Number.NaN;
    expect(() => optimizer.step()).toThrow(/lr\(/);
    (optimizer.paramGroups[0] as { lr: unknown }).lr = 0.25;
  },
};

/** What is left of parameters and state after two steps, what comes between, and two more. */
async function run(between: Between, before: (optimizer: RMSprop) => void) {
  const model = makeModel();
  const optimizer = new RMSprop(model.parameters, options);
  const step = () => {
    before(optimizer);
    optimizer.step();
  };
  step();
  step();
  await between(optimizer, model.grads as never);
  step();
  step();
  const left = { params: structuredClone(model.params), state: optimizer.stateDict().state, last: optimizer.lastStep };
  optimizer.dispose();
  model.dispose();
  return left;
}

test.each(Object.entries(betweens))("between steps: %s", async (_, between) => {
  const repeated = await run(between, () => {});
  // To freeze nothing changes nothing, but what the step works on is listed anew.
  const told = await run(between, (optimizer) => optimizer.freeze());
  expect(repeated).toEqual(told);
});
