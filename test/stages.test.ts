// Steps with options of stages, against a second opinion (support/staged-model.ts): option sets x mixes of number types
// x step and stepAsync, with and without gradients that are not finite.
import { describe, expect, test } from "vitest";
import { allocate, type OptimizerOptions, RMSprop, type RMSpropOptions } from "../lib/index.ts";
import type { FloatArray } from "../lib/numbers/typed-array.ts";
import { uniformFrom } from "./support/cases.ts";
import { StagedModel, StagedPart } from "./support/staged-model.ts";
import { bitText, typeMixes } from "./support/steps.ts";

interface StagedOptions {
  readonly whole?: OptimizerOptions;
  /** Of the first group, and what the second has instead. */
  readonly first?: RMSpropOptions;
  readonly second?: RMSpropOptions;
}

const base: RMSpropOptions = { lr: 0.1, alpha: 0.9, momentum: 0.5 };

const optionSets: Readonly<Record<string, StagedOptions>> = {
  "nothing but diagnostics": {},
  "gradients scaled": { first: { gradScale: 0.37 }, second: { gradScale: 3, maximize: true } },
  "clip by value": { first: { clipValue: 0.4 }, second: { clipValue: 0.2, gradScale: 1.3 } },
  "clip by norm": { first: { clipNorm: 0.7 }, second: { maximize: true } },
  "clip by global norm": { whole: { clipGlobalNorm: 2.5 }, second: { gradScale: 0.6 } },
  "every clip": {
    whole: { clipGlobalNorm: 1.1 },
    first: { clipNorm: 0.9, clipValue: 0.8 },
    second: { clipNorm: 2, gradScale: 0.8, weightDecay: 0.1 },
  },
  skip: { whole: { skipNonFinite: true }, first: { zeroGrads: true } },
  "skip, clip, average": {
    whole: { skipNonFinite: true, clipGlobalNorm: 1 },
    first: { ema: { decay: 0.9 }, zeroGrads: true, weightDecay: 0.1 },
  },
  averages: { first: { ema: { decay: 0.9 } }, second: { ema: { decay: 0.5 } } },
  "gradients set to zero": { first: { zeroGrads: true } },
  "accumulate 3": { whole: { gradientAccumulationSteps: 3 }, first: { zeroGrads: true, ema: { decay: 0.8 } } },
  "accumulate 2, clip and skip": {
    whole: { gradientAccumulationSteps: 2, clipGlobalNorm: 1, skipNonFinite: true },
    first: { clipValue: 0.3 },
    second: { clipNorm: 0.2 },
  },
  "a loss scale": {
    whole: { lossScale: { initial: 8, growthFactor: 4, backoffFactor: 0.25, growthInterval: 2 } },
    second: { clipValue: 0.2 },
  },
  "a loss scale, accumulate": {
    whole: { lossScale: { initial: 2, growthInterval: 1 }, gradientAccumulationSteps: 2, clipGlobalNorm: 3 },
    first: { ema: { decay: 0.9 } },
  },
  everything: {
    whole: {
      ...{ lossScale: { initial: 4, growthInterval: 2 }, gradientAccumulationSteps: 2, clipGlobalNorm: 0.7 },
      ...{ skipNonFinite: true },
    },
    first: { gradScale: 2, clipValue: 0.8, clipNorm: 2, ema: { decay: 0.9 }, zeroGrads: true, weightDecay: 0.01 },
    second: { clipNorm: 1, decoupledWeightDecay: true, weightDecay: 0.1, centered: true },
  },
};

const lengths = [33, 0, 2500, 1];
const steps = 9;

for (const [name, { whole = {}, first = {}, second = {} }] of Object.entries(optionSets)) {
  describe(name, () => {
    for (const [mix, types] of Object.entries(typeMixes)) {
      for (const finite of [true, false]) {
        for (const asynchronous of [false, true]) {
          const title = `${mix}, ${finite ? "finite" : "not all finite"}, ${asynchronous ? "stepAsync" : "step"}`;
          test(title, async () => {
            const uniform = uniformFrom(7);
            const draw = () => uniform() * 2 - 1;
            const parameters = lengths.flatMap((length, i) => {
              const shapes = { [`p${i}`]: [length] };
              const type = types[i % types.length];
              return (type === "float64" ? allocate(shapes, { dtype: type }) : allocate(shapes)).parameters;
            });
            const diagnostics = true;
            const model = new StagedModel({ ...whole, diagnostics });
            const parts = parameters.map(({ data }, i) => {
              data.set(data.map(draw));
              return new StagedPart(data, { ...base, ...first, ...(i >= 2 ? second : {}) }, i >= 2 ? 1 : 0);
            });
            const optimizer = new RMSprop(
              [{ params: parameters.slice(0, 2) }, { params: parameters.slice(2), ...second }],
              { ...base, ...first, ...whole, diagnostics },
            );
            let skips = 0;
            for (let step = 1; step <= steps; step++) {
              for (const { grad } of parameters) (grad as FloatArray).set((grad as FloatArray).map(() => draw() * 3));
              if (!finite && step % 4 === 2) (parameters[2]?.grad as FloatArray)[1700] = Number.POSITIVE_INFINITY;
              if (!finite && step % 4 === 3) (parameters[0]?.grad as FloatArray)[5] = Number.NaN;
              const expectedGrads = parameters.map(({ grad }) => (grad as FloatArray).slice());
              expect(optimizer.lossScale).toBe(model.lossScale);
              model.step(parts.map((part, i) => ({ part, grad: expectedGrads[i] as FloatArray })));
              if (asynchronous) await optimizer.stepAsync();
              else optimizer.step();
              const { step: taken, applied, ...found } = optimizer.lastStep ?? { step: -1 };
              expect(found, `step ${step}`).toEqual(model.last);
              expect(applied).toBe(model.last?.skipped !== true && parts.some(({ waiting }) => waiting === 0));
              if (model.last?.skipped) skips++;
              parameters.forEach(({ name, data, grad }, i) => {
                const part = parts[i] as StagedPart;
                const { step: own, accumulated, ema, gradAccumulator, ...slots } = optimizer.state(name);
                expect(own).toBe(part.expected.step);
                expect(taken).toBe(part.expected.step);
                expect(accumulated).toBe(
                  (whole.gradientAccumulationSteps ?? 1) > 1 ? model.last?.accumulated : undefined,
                );
                const where = `${name} after ${step}`;
                expect(bitText(data), where).toBe(bitText(part.expected.data));
                expect(bitText(grad as FloatArray), where).toBe(bitText(expectedGrads[i] as FloatArray));
                if (ema) expect(bitText(ema as FloatArray), where).toBe(bitText(part.ema as FloatArray));
                if (gradAccumulator) expect(bitText(gradAccumulator as FloatArray), where).toBe(bitText(part.sum));
                for (const [slot, values] of Object.entries(slots)) {
                  const expected = part.expected.slots[slot];
                  if (expected) expect(bitText(values as FloatArray), `${slot} of ${where}`).toBe(bitText(expected));
                }
              });
            }
            const guarded = whole.skipNonFinite === true || whole.lossScale !== undefined;
            expect(skips > 0).toBe(guarded && !finite);
          });
        }
      }
    }
  });
}
