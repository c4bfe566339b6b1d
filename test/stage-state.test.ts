// State of stages beside the rule's slots, and state that they leave alone: skipped steps, averages swapped in and out,
// state that travels, options that are set in the middle of a run.
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { loadCheckpoint, saveCheckpoint } from "../lib/checkpoint/index.ts";
import { allocate, type OptimizerOptions, type Parameter, RMSprop, type RMSpropOptions, SGD } from "../lib/index.ts";
import type { FloatArray } from "../lib/numbers/typed-array.ts";
import { own, plain, refuses, snapshot } from "./support/arrays.ts";
import { uniformFrom } from "./support/cases.ts";
import { classes } from "./support/classes.ts";
import { temporaryFolder } from "./support/folder.ts";
import { bitText, rejects } from "./support/steps.ts";

type Options = RMSpropOptions & OptimizerOptions;

const dataOf = (parameters: readonly Parameter[], i: number) => (parameters[i] as Parameter).data;
const gradOf = (parameters: readonly Parameter[], i: number) => (parameters[i] as Parameter).grad as FloatArray;

/** Parameters in memory of allocate(), with values, and gradients drawn anew before each step. */
function setUp(lengths: readonly number[] = [3, 1500]) {
  const uniform = uniformFrom(11);
  const draw = () => uniform() * 2 - 1;
  const model = allocate(Object.fromEntries(lengths.map((length, i) => [`p${i}`, [length]])));
  const { parameters } = model;
  for (const { data } of parameters) data.set(data.map(draw));
  const drawGradients = () => {
    for (const { grad } of parameters) (grad as FloatArray).set((grad as FloatArray).map(draw));
  };
  return { model, parameters, drawGradients };
}

const everything: Options = {
  ...{ lr: 0.1, momentum: 0.5, ema: { decay: 0.9 }, zeroGrads: true, clipNorm: 1, clipValue: 2 },
  ...{ clipGlobalNorm: 1, lossScale: { initial: 4, growthInterval: 2 }, gradientAccumulationSteps: 2 },
};

describe("a skipped step", () => {
  test.each([
    ["skipNonFinite", { skipNonFinite: true }],
    ["everything", everything],
  ])("changes nothing but the scale of the loss: %s", async (_, options) => {
    for (const asynchronous of [false, true]) {
      const asked: number[] = [];
      const { parameters, drawGradients } = setUp();
      const lr = (step: number) => {
        asked.push(step);
        return 0.1;
      };
      const optimizer = new RMSprop(parameters, { ...options, lr });
      for (let i = 0; i < 4; i++) {
        drawGradients();
        optimizer.step();
      }
      drawGradients();
      for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
        const place = gradOf(parameters, 1).length - 1;
        gradOf(parameters, 1)[place] = bad;
        const arrays = parameters.flatMap(({ data, grad }) => [data, grad as FloatArray]);
        const before = snapshot(...arrays);
        const { lossScale: scaleBefore, ...stateBefore } = optimizer.stateDict();
        if (asynchronous) await optimizer.stepAsync();
        else optimizer.step();
        expect(optimizer.lastStep).toMatchObject({ skipped: true, nonFinite: 1 });
        expect(snapshot(...arrays)).toEqual(before);
        const { lossScale, ...state } = optimizer.stateDict();
        expect(plain(state)).toEqual(plain(stateBefore));
        if (scaleBefore) expect(lossScale).toEqual({ scale: scaleBefore.scale / 2, goodSteps: 0 });
      }
      drawGradients();
      optimizer.step();
      expect(optimizer.lastStep).toMatchObject({ skipped: false, nonFinite: 0 });
      // Asked for the same step again.
      expect(new Set(asked)).toEqual(new Set(Array.from({ length: Math.max(...asked) }, (_, i) => i + 1)));
    }
  });

  test("without the option there is none: NaN goes through", () => {
    const { parameters } = setUp([2]);
    const optimizer = new SGD(parameters, { clipGlobalNorm: 1 });
    gradOf(parameters, 0)[0] = Number.NaN;
    optimizer.step();
    expect(optimizer.lastStep).toEqual({ step: 1, applied: true, skipped: false, gradNorm: Number.NaN });
    expect([...dataOf(parameters, 0)]).toEqual([Number.NaN, Number.NaN]);
  });

  test("before the first step is step 0", () => {
    const { parameters } = setUp([1]);
    const optimizer = new SGD(parameters, { skipNonFinite: true });
    gradOf(parameters, 0)[0] = Number.NaN;
    optimizer.step();
    expect(optimizer.lastStep).toEqual({ step: 0, applied: false, skipped: true, nonFinite: 1 });
  });
});

describe("every optimizer", () => {
  test.each(Object.entries(classes))("%s takes a step that is clipped as one with shorter gradients", (_, Class) => {
    const [clipped, scaled] = [setUp(), setUp()];
    clipped.drawGradients();
    scaled.drawGradients();
    const optimizer = new Class(clipped.parameters, { clipGlobalNorm: 2 ** -5, diagnostics: true });
    optimizer.step();
    const { gradNorm } = optimizer.lastStep as { gradNorm: number };
    new Class(scaled.parameters, { gradScale: 2 ** -5 / gradNorm }).step();
    for (const [i, { data }] of clipped.parameters.entries()) {
      expect(bitText(data)).toBe(bitText(dataOf(scaled.parameters, i)));
    }
  });

  test("gradients far beyond the square root of the largest float32 are clipped to finite steps", () => {
    const { parameters } = setUp([1500]);
    gradOf(parameters, 0).fill(3e38);
    const before = dataOf(parameters, 0).slice();
    const optimizer = new SGD(parameters, { lr: 1, clipGlobalNorm: 1 });
    optimizer.step();
    const expected = 1 / Math.sqrt(1500);
    for (const [i, value] of dataOf(parameters, 0).entries()) {
      expect(Math.abs((before[i] as number) - value - expected)).toBeLessThan(1e-6);
    }
  });
});

describe("averages", () => {
  const training = () => {
    const { parameters, drawGradients } = setUp();
    const [first, second] = parameters as [(typeof parameters)[0], (typeof parameters)[0]];
    const optimizer = new RMSprop([{ params: [first], ema: { decay: 0.5 } }, { params: [second] }]);
    const train = (steps: number) => {
      for (let i = 0; i < steps; i++) {
        drawGradients();
        optimizer.step();
      }
    };
    return { first, second, optimizer, train };
  };

  test("come in and go out, and nothing else changes", () => {
    const { first, second, optimizer, train } = training();
    train(3);
    const weights = bitText(first.data);
    const others = bitText(second.data);
    const average = bitText(optimizer.state("p0").ema as FloatArray);
    expect(average).not.toBe(weights);
    optimizer.swapEma();
    expect(bitText(first.data)).toBe(average);
    expect(bitText(second.data)).toBe(others);
    optimizer.swapEma();
    expect(bitText(first.data)).toBe(weights);
    expect(bitText(optimizer.state("p0").ema as FloatArray)).toBe(average);
  });

  test("in the weights' place: steps and state are refused, and nothing changes", async () => {
    const { first, optimizer, train } = training();
    train(2);
    const state = optimizer.stateDict();
    optimizer.swapEma();
    const message = /^Expected the parameters to be in their place, but swapEma\(\) has put averages there/;
    refuses(() => optimizer.step(), "ERR_STATE", message, [first.data]);
    refuses(() => optimizer.stateDict(), "ERR_STATE", message, [first.data]);
    refuses(() => optimizer.loadStateDict(state), "ERR_STATE", message, [first.data]);
    refuses(() => optimizer.remove("p0"), "ERR_STATE", message, [first.data]);
    await rejects(() => optimizer.stepAsync(), "ERR_STATE", message, [first.data]);
    optimizer.swapEma();
    train(1);
    expect(optimizer.lastStep?.step).toBe(3);
  });

  test("that have not begun are not swapped in; where there are none it is refused", () => {
    const { first, optimizer } = training();
    const weights = bitText(first.data);
    optimizer.swapEma();
    expect(bitText(first.data)).toBe(weights);
    const { parameters } = setUp();
    const without = new RMSprop(parameters);
    refuses(() => without.swapEma(), "ERR_OPTION", /^Expected a group with 'ema'/, [without]);
  });

  test("turned on later begin with the weights before that step", () => {
    const { second, optimizer, train } = training();
    train(2);
    const before = second.data.slice();
    (optimizer.paramGroups[1] as { ema: unknown }).ema = { decay: 0.5 };
    train(1);
    const half = before.map((value, i) => Math.fround(0.5 * value + 0.5 * (second.data[i] as number)));
    expect(bitText(optimizer.state("p1").ema as FloatArray)).toBe(bitText(half as FloatArray));
  });
});

describe("options set in the middle of a run", () => {
  test("take effect at the next step, whichever way it is taken", () => {
    for (const withArrays of [false, true]) {
      const { parameters, drawGradients } = setUp();
      const optimizer = new RMSprop(parameters);
      const group = optimizer.paramGroups[0] as RMSpropOptions;
      drawGradients();
      optimizer.step();
      group.zeroGrads = true;
      if (withArrays) {
        drawGradients();
        optimizer.step(own(...parameters)); // whose clocks stay together, so that the standing plan could stay too
        for (const { grad } of parameters) expect((grad as FloatArray).every((value) => value === 0)).toBe(true);
      }
      drawGradients();
      optimizer.step();
      for (const { grad } of parameters) expect((grad as FloatArray).every((value) => value === 0)).toBe(true);
      group.zeroGrads = false;
      drawGradients();
      optimizer.step();
      for (const { grad } of parameters) expect((grad as FloatArray).some((value) => value !== 0)).toBe(true);
    }
  });
});

describe("gradients set to zero", () => {
  const data = () => new Float32Array(4);

  test("may be shared by no two parameters", () => {
    const grad = Float32Array.of(1, 2, 3, 4);
    const shared = ["x", "y"].map((name) => ({ name, data: data(), grad }));
    const message =
      /^Expected arrays that do not overlap in memory, but the gradient of 'x' and the gradient of 'y' do/;
    refuses(() => new SGD(shared, { zeroGrads: true }), "ERR_ALIASED", message, [grad]);
    const optimizer = new SGD(shared);
    optimizer.step();
    (optimizer.paramGroups[0] as { zeroGrads: boolean }).zeroGrads = true;
    refuses(() => optimizer.step(), "ERR_ALIASED", message, [grad, shared[0]?.data as FloatArray]);
  });

  test("may not be what another array of the call is read from", () => {
    const parameters = ["x", "y"].map((name) => ({ name, data: data(), grad: data() }));
    const optimizer = new SGD(parameters, { zeroGrads: true });
    const both = data();
    const arrays = { x: { data: both, out: data() }, y: { grad: both } };
    refuses(() => optimizer.step(arrays), "ERR_ALIASED", /the data of 'x' and the gradient of 'y' do/, [both]);
  });
});

describe("state travels", () => {
  test.each(["stateDict", "a checkpoint"])("by %s, in the middle of an accumulation", (way) => {
    const [from, to] = [setUp(), setUp()];
    const first = new RMSprop(from.parameters, everything);
    const second = new RMSprop(to.parameters, everything);
    const step = () => {
      from.drawGradients();
      first.step();
    };
    for (let i = 0; i < 5; i++) step();
    gradOf(from.parameters, 0)[0] = Number.NaN;
    first.step();
    gradOf(from.parameters, 0)[0] = 0;
    expect(first.stateDict().lossScale).toEqual({ scale: 8, goodSteps: 0 });
    expect(first.state("p1").accumulated).toBe(1);
    if (way === "stateDict") {
      second.loadStateDict(first.stateDict());
      from.parameters.forEach(({ data }, i) => {
        to.parameters[i]?.data.set(data);
      });
    } else {
      const path = join(temporaryFolder(), "run.safetensors");
      saveCheckpoint(path, { parameters: from.parameters, optimizer: first });
      loadCheckpoint(path, { parameters: to.parameters, optimizer: second });
    }
    expect(plain(second.stateDict())).toEqual(plain(first.stateDict()));
    for (let i = 0; i < 5; i++) {
      from.drawGradients();
      from.parameters.forEach(({ grad }, p) => {
        gradOf(to.parameters, p).set(grad as FloatArray);
      });
      first.step();
      second.step();
      expect(second.lastStep).toEqual(first.lastStep);
    }
    expect(plain(second.stateDict())).toEqual(plain(first.stateDict()));
    from.parameters.forEach(({ data }, p) => {
      expect(bitText(dataOf(to.parameters, p))).toBe(bitText(data));
    });
  });

  // biome-ignore lint/suspicious/noExplicitAny: states of any damage
  test.each<[string, (state: any) => void, RegExp]>([
    [
      "more calls than wait",
      (s) => Object.assign(s.state.p0, { accumulated: 2 }),
      /'accumulated' of 'p0' to be a whole/,
    ],
    ["half a call", (s) => Object.assign(s.state.p0, { accumulated: 0.5 }), /'accumulated' of 'p0' to be a whole/],
    ["no sum of what waits", (s) => delete s.state.p0.gradAccumulator, /'gradAccumulator'/],
    ["a scale of 0", (s) => Object.assign(s, { lossScale: { scale: 0, goodSteps: 0 } }), /'lossScale' of the state/],
    ["a scale that is none", (s) => Object.assign(s, { lossScale: { scale: 1 } }), /'lossScale' of the state/],
    ["a sum too short", (s) => Object.assign(s.state.p0, { gradAccumulator: new Float32Array(1) }), /3 elements/],
  ])("unless it has %s", (_, damage, message) => {
    const { parameters, drawGradients } = setUp();
    const optimizer = new RMSprop(parameters, everything);
    drawGradients();
    optimizer.step();
    const state = optimizer.stateDict();
    damage(state);
    refuses(() => optimizer.loadStateDict(state), "ERR_STATE", message, [optimizer]);
  });

  test("without averages and sums, which then begin anew", () => {
    const [from, to] = [setUp(), setUp()];
    const first = new RMSprop(from.parameters, { momentum: 0.5 });
    from.drawGradients();
    first.step();
    const state = first.stateDict();
    for (const group of state.paramGroups) delete group.ema;
    const second = new RMSprop(to.parameters, { momentum: 0.5, ema: { decay: 0.5 }, gradientAccumulationSteps: 2 });
    second.loadStateDict(state);
    const { ema, gradAccumulator, accumulated } = second.state("p1");
    expect({ ema, accumulated }).toEqual({ ema: undefined, accumulated: 0 });
    expect((gradAccumulator as FloatArray).every((value) => value === 0)).toBe(true);
    expect(second.stateDict().state.p1).not.toHaveProperty("ema");
    const weights = dataOf(to.parameters, 1).slice();
    second.step(); // accumulates only: no average takes it in
    expect(second.state("p1")).not.toHaveProperty("ema");
    second.step();
    expect(second.state("p1").averaged).toBe(1);
    const after = dataOf(to.parameters, 1);
    const half = weights.map((value, i) => Math.fround(0.5 * value + 0.5 * (after[i] as number)));
    expect(bitText(second.state("p1").ema as FloatArray)).toBe(bitText(half as FloatArray));
  });

  test("a loss scale does not fit an optimizer that has none", () => {
    const { parameters } = setUp();
    const state = new SGD(parameters, { lossScale: {} }).stateDict();
    const without = new SGD(setUp().parameters);
    refuses(() => without.loadStateDict(state), "ERR_STATE", /^Expected a state without 'lossScale'/, [without]);
  });
});
