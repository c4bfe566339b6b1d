// Windows of accumulated gradients that are not full: flushed and dropped, against a second opinion (staged-model.ts) on
// every backend; averages with warm-up, a first step and an interval beside them.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { useBackend } from "../lib/backends/current.ts";
import { allocate, type OptimizerOptions, RMSprop, type RMSpropOptions, SGD } from "../lib/index.ts";
import type { FloatArray } from "../lib/numbers/typed-array.ts";
import { plain, refuses } from "./support/arrays.ts";
import { uniformFrom } from "./support/cases.ts";
import { everyBackend, useOwnBackend } from "./support/every-backend.ts";
import { StagedModel, StagedPart } from "./support/staged-model.ts";
import { bitText, rejects, typeMixes } from "./support/steps.ts";

afterEach(useOwnBackend);

const optionSets: Readonly<
  Record<string, { whole?: OptimizerOptions; first?: RMSpropOptions; second?: RMSpropOptions }>
> = {
  "nothing else": {},
  "every clip": {
    whole: { clipGlobalNorm: 0.7, skipNonFinite: true },
    first: { clipValue: 0.2, gradScale: 3, zeroGrads: true },
    second: { clipNorm: 0.5, maximize: true, weightDecay: 0.1, clipValue: null },
  },
  "a loss scale, averages that warm up": {
    whole: { lossScale: { initial: 8, growthInterval: 2 } },
    first: { ema: { decay: 0.999, warmup: true, every: 2 }, centered: true },
    second: { ema: { decay: 0.9, start: 2 }, clipNorm: 1 },
  },
};

const steps = { calls: 3, lengths: [33, 0, 1100, 1] };

/** A model's parameters beside the expected ones, two to a group. */
function setUp(types: readonly string[], { whole = {}, first = {}, second = {} }: (typeof optionSets)[string]) {
  const uniform = uniformFrom(5);
  const draw = () => uniform() * 2 - 1;
  const parameters = steps.lengths.flatMap((length, i) => {
    const shapes = { [`p${i}`]: [length] };
    return types[i % types.length] === "float64"
      ? allocate(shapes, { dtype: "float64" }).parameters
      : allocate(shapes).parameters;
  });
  const all = { ...whole, gradientAccumulationSteps: steps.calls, diagnostics: true };
  const base: RMSpropOptions = { lr: (step) => 0.1 / step, alpha: 0.9, momentum: 0.5, ...first };
  const model = new StagedModel(all);
  const parts = parameters.map(({ data }, i) => {
    data.set(data.map(draw));
    return new StagedPart(data, { ...base, ...(i >= 2 ? second : {}) }, i >= 2 ? 1 : 0);
  });
  const optimizer = new RMSprop([{ params: parameters.slice(0, 2) }, { params: parameters.slice(2), ...second }], {
    ...base,
    ...all,
  });
  const step = (names: readonly string[] = parameters.map(({ name }) => name)) => {
    for (const { grad } of parameters) (grad as FloatArray).set((grad as FloatArray).map(() => 3 * draw()));
    const taken = parameters.flatMap(({ name, grad }, i) =>
      names.includes(name) ? [{ part: parts[i] as StagedPart, grad: (grad as FloatArray).slice() }] : [],
    );
    model.step(taken);
    optimizer.step(
      names.length === parameters.length
        ? undefined
        : Object.fromEntries(
            names.map((name) => [name, { grad: parameters.find((p) => p.name === name)?.grad as FloatArray }]),
          ),
    );
    compare();
  };
  const compare = () => {
    const { step: _, applied: __, ...found } = (optimizer.lastStep ?? {}) as unknown as Record<string, unknown>;
    expect(found).toEqual(model.last ?? {});
    expect(optimizer.lossScale).toBe(model.lossScale);
    parameters.forEach(({ name, data }, i) => {
      const { expected, sum, waiting, ema, averaged } = parts[i] as StagedPart;
      const state = optimizer.state(name);
      expect(state).toMatchObject({ step: expected.step, accumulated: waiting });
      expect(bitText(data), name).toBe(bitText(expected.data));
      expect(bitText(state.gradAccumulator as FloatArray), name).toBe(bitText(sum));
      expect(state.averaged ?? 0).toBe(averaged);
      expect(ema && bitText(ema)).toEqual(state.ema && bitText(state.ema as FloatArray));
      for (const [slot, values] of Object.entries(expected.slots)) {
        expect(bitText(state[slot] as FloatArray), `${slot} of ${name}`).toBe(bitText(values));
      }
    });
  };
  return { parameters, optimizer, model, parts, step, compare };
}

describe.each(Object.entries(everyBackend))("%s", (_, backend) => {
  beforeEach(() => {
    useBackend(backend);
  });

  describe.each(Object.entries(optionSets))("%s", (_, options) => {
    for (const [mix, types] of Object.entries(typeMixes)) {
      for (const asynchronous of [false, true]) {
        test(`is flushed and dropped: ${mix}, ${asynchronous ? "flushAccumulatedAsync" : "flushAccumulated"}`, async () => {
          const { parameters, optimizer, model, parts, step, compare } = setUp(types, options);
          const grads = () => parameters.map(({ grad }) => bitText(grad as FloatArray));
          const flush = async (which = parts) => {
            const before = grads();
            model.flush(which);
            if (asynchronous) await optimizer.flushAccumulatedAsync();
            else optimizer.flushAccumulated();
            compare();
            expect(grads()).toEqual(before);
          };
          // After none, one and two of three calls; and with windows that are not alike, within one group too.
          await flush();
          step();
          await flush();
          step();
          step();
          await flush();
          for (let i = 0; i < 4; i++) step();
          await flush();
          await flush();
          step();
          step(["p0", "p3"]);
          await flush();
          step();
          optimizer.freeze("p2");
          await flush(parts.filter((_, i) => i !== 2));
          expect(optimizer.state("p2").accumulated).toBe(1);
          optimizer.unfreeze("p2");
          step();
          optimizer.dropAccumulated();
          for (const part of parts) {
            part.sum.fill(0);
            part.waiting = 0;
          }
          compare();
          for (let i = 0; i < 4; i++) step();
          await flush();
        });
      }
    }
  });

  test("a flushed window is a step of the mean of the calls that there were", () => {
    const w = { name: "w", data: Float32Array.of(1), grad: Float32Array.of(0) };
    const optimizer = new SGD([w], { lr: 1, gradientAccumulationSteps: 4 });
    for (const grad of [0.5, 1]) {
      w.grad[0] = grad;
      optimizer.step();
    }
    optimizer.flushAccumulated();
    expect(w.data).toEqual(Float32Array.of(0.25));
    expect(w.grad).toEqual(Float32Array.of(1));
    expect(optimizer.lastStep).toMatchObject({ step: 1, skipped: false, accumulated: 0 });
    expect(optimizer.state("w")).toEqual({ step: 1, accumulated: 0, gradAccumulator: Float32Array.of(0) });
  });

  test("zeroGrad() drops no window; dropAccumulated() zeroes no gradient", () => {
    const w = { name: "w", data: Float32Array.of(1), grad: Float32Array.of(2) };
    const optimizer = new SGD([w], { lr: 1, gradientAccumulationSteps: 2 });
    optimizer.step();
    optimizer.zeroGrad();
    expect(optimizer.state("w")).toMatchObject({ accumulated: 1, gradAccumulator: Float32Array.of(1) });
    optimizer.dropAccumulated();
    expect(optimizer.state("w")).toMatchObject({ accumulated: 0, gradAccumulator: Float32Array.of(0) });
    w.grad[0] = 3;
    optimizer.dropAccumulated();
    expect(w.grad).toEqual(Float32Array.of(3));
    expect(w.data).toEqual(Float32Array.of(1));
  });

  test("without the option there is nothing to flush or drop, and nothing is asked or counted", async () => {
    const w = { name: "w", data: Float32Array.of(1), grad: Float32Array.of(2) };
    const lr = () => expect.unreachable("Expected no step, but its rate is asked for.");
    for (const options of [{}, { gradientAccumulationSteps: 2 }]) {
      const optimizer = new SGD([w], { ...options, lr });
      optimizer.flushAccumulated();
      await optimizer.flushAccumulatedAsync();
      optimizer.dropAccumulated();
      expect(optimizer.lastStep).toBeUndefined();
      expect(w.data).toEqual(Float32Array.of(1));
    }
  });

  test("what refuses a step refuses a flush, and nothing changes", async () => {
    const w = { name: "w", data: Float32Array.of(1), grad: Float32Array.of(2) };
    let rate = 1;
    const optimizer = new SGD([w], { lr: () => rate, gradientAccumulationSteps: 3, ema: { decay: 0.5 } });
    optimizer.step();
    rate = Number.NaN;
    const witnesses = [w.data, w.grad, optimizer];
    refuses(() => optimizer.flushAccumulated(), "ERR_OPTION", /^Expected lr\(1\) to be/, witnesses);
    rate = 1;
    if (backend.name === "native") {
      const message = /^Expected the data of 'w' to be in memory that stays/;
      await rejects(() => optimizer.flushAccumulatedAsync(), "ERR_ASYNC_MEMORY", message, witnesses);
    }
    optimizer.flushAccumulated();
    optimizer.step();
    optimizer.swapEma();
    refuses(() => optimizer.flushAccumulated(), "ERR_STATE", /swapEma/, [w.data, w.grad]);
    refuses(() => optimizer.dropAccumulated(), "ERR_STATE", /swapEma/, [w.data, w.grad]);
    optimizer.swapEma();
    const other = Float32Array.of(5);
    optimizer.step({ w: { data: other, grad: w.grad } });
    const message = /^Expected the gradients of 'w' to be accumulated for its own data/;
    refuses(() => optimizer.flushAccumulated(), "ERR_STATE", message, [...witnesses, other]);
    optimizer.dropAccumulated();
    optimizer.flushAccumulated();
  });

  test("averages with a warm-up, a first step and an interval are these numbers", () => {
    const averages = (ema: RMSpropOptions["ema"], stepCount: number) => {
      const w = { name: "w", data: Float64Array.of(0), grad: Float64Array.of(-1) };
      const optimizer = new SGD([w], { lr: 1, ema: ema as { decay: number } });
      return Array.from({ length: stepCount }, () => {
        optimizer.step(); // the weights are the number of steps
        return (optimizer.state("w").ema as Float64Array | undefined)?.[0];
      });
    };
    expect(averages({ decay: 0.5 }, 4)).toEqual([1, 1.5, 2.25, 3.125]);
    expect(averages({ decay: 0.5, start: 3 }, 5)).toEqual([undefined, undefined, 3, 3.5, 4.25]);
    expect(averages({ decay: 0.5, every: 2 }, 5)).toEqual([1, 1, 2, 2, 3.5]);
    expect(averages({ decay: 0.5, start: 2, every: 2 }, 6)).toEqual([undefined, 2, 2, 3, 3, 4.5]);
    const second = (2 / 11) * 1 + (1 - 2 / 11) * 2;
    const third = (3 / 12) * second + (1 - 3 / 12) * 3;
    expect(averages({ decay: 0.25, warmup: true }, 4)).toEqual([1, second, third, 0.25 * third + 0.75 * 4]);
  });
});

test("resumes in the middle of a window, of a warm-up and of an interval", () => {
  const options = {
    whole: {},
    first: { ema: { decay: 0.99, warmup: true, start: 2, every: 3 } },
    second: { clipNorm: 1 },
  };
  const [kept, resumed] = [setUp(["float32", "float64"], options), setUp(["float32", "float64"], options)];
  for (let i = 0; i < 11; i++) kept.step();
  kept.optimizer.flushAccumulated();
  kept.model.flush(kept.parts);
  for (let i = 0; i < 14; i++) kept.step();
  const copy = (from: typeof kept, to: typeof kept) => {
    from.parameters.forEach(({ data, grad }, i) => {
      to.parameters[i]?.data.set(data);
      to.parameters[i]?.grad?.set(grad as FloatArray);
    });
  };
  resumed.optimizer.loadStateDict(kept.optimizer.stateDict());
  copy(kept, resumed);
  expect(kept.optimizer.state("p0").averaged).toBe(3);
  for (let i = 0; i < 8; i++) {
    for (const { grad } of kept.parameters) grad?.set(grad.map((g, e) => g * 0.5 + e / 3000));
    resumed.parameters.forEach(({ grad }, p) => {
      grad?.set(kept.parameters[p]?.grad as FloatArray);
    });
    for (const { optimizer } of [kept, resumed]) {
      if (i === 3) optimizer.flushAccumulated();
      else optimizer.step();
    }
    expect(plain(resumed.optimizer.stateDict())).toEqual(plain(kept.optimizer.stateDict()));
  }
});
