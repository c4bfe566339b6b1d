// What goes with what: each feature with one array, replicas and factors, on every backend and over both number types. An
// optimizer over the gradient as it is given leaves what one leaves over the gradient that is formed: parameters, state,
// lastStep; and a call that is refused changes neither.
import { afterEach, describe, expect, test } from "vitest";
import { useBackend } from "../lib/backends/current.ts";
import { loadCheckpoint, saveCheckpoint } from "../lib/checkpoint/index.ts";
import { allocate, type FloatArray, type NumberType } from "../lib/index.ts";
import { plain } from "./support/arrays.ts";
import { numberTypes } from "./support/cases.ts";
import { type AnyOptimizer, classOf } from "./support/classes.ts";
import { everyBackend, useOwnBackend } from "./support/every-backend.ts";
import { temporaryFolder } from "./support/folder.ts";
import { multiplied, type Shape, summed } from "./support/sources.ts";

afterEach(useOwnBackend);

const shapes = { w: [3, 4], v: [40, 30] } as const satisfies Readonly<Record<string, Shape>>;
type Name = keyof typeof shapes;
const names = Object.keys(shapes) as Name[];
const batch = 3;

type Kind = "one array" | "replicas" | "factors";
const kinds: readonly Kind[] = ["one array", "replicas", "factors"];

// biome-ignore lint/suspicious/noExplicitAny: a gradient of any kind
type Given = any;

/** Parameters with a gradient of some kind, in memory of allocate(). */
function modelOf(kind: Kind, type: NumberType) {
  const all = names.map((name) => {
    const shape = shapes[name];
    const { params } = allocate(
      { data: shape, out: shape, a: shape, b: shape, c: shape, x: [batch, shape[0]], y: [batch, shape[1]] },
      { dtype: type as "float64" },
    );
    const { data, a, b, c, x, y } = params;
    const given: Given = { "one array": a, replicas: [a, b, c], factors: { x, y } }[kind];
    const formed = (): FloatArray => {
      if (kind === "factors") return multiplied(type, shape, { x, y }, given.batch ?? batch);
      return kind === "replicas" ? summed(type, [a, b, c]) : a.slice();
    };
    return { name, shape, data, out: params.out, grad: given, formed, read: { a, b, c, x, y }, zeroed: [a, b, c] };
  });
  return all;
}
type Model = ReturnType<typeof modelOf>;

const parametersOf = (model: Model) => model.map(({ name, shape, data, grad }) => ({ name, shape, data, grad }));

/** Writes the same numbers into models of one kind, other ones each step. */
function write(models: readonly Model[], step: number, bad?: number): void {
  models.forEach((model) => {
    model.forEach(({ read }, p) => {
      Object.values(read).forEach((array, k) => {
        for (let i = 0; i < array.length; i++)
          array[i] = Math.fround(((i * 37 + step * 11 + p * 5 + k * 3) % 64) - 31.7);
        if (bad !== undefined && p === 1) array[array.length >> 1] = bad;
      });
    });
  });
}

interface Pair {
  readonly kind: Kind;
  readonly model: Model;
  readonly optimizer: AnyOptimizer;
  readonly expectedModel: Model;
  readonly expected: AnyOptimizer;
  /** Another model of the kind, and an optimizer over it. */
  readonly otherModel: Model;
  readonly other: () => AnyOptimizer;
}

interface Feature {
  readonly options?: object;
  /** The gradient of some step has it among its values. */
  readonly bad?: number;
  /** Takes a step of both; default by the gradients that the parameters stand with. */
  readonly step?: (pair: Pair, step: number) => void | Promise<void>;
  /** Looks at both when the steps are taken. */
  readonly after?: (pair: Pair) => void | Promise<void>;
}

/** Steps the second optimizer by what the first one's gradients are when they are formed. */
function stepFormed({ expected, expectedModel }: Pair, only = names): void {
  const taken = expectedModel.filter(({ name }) => only.includes(name));
  expected.step(Object.fromEntries(taken.map(({ name, formed }) => [name, formed()])));
}

function stepBoth(pair: Pair): void {
  pair.optimizer.step();
  stepFormed(pair);
}

const everyDiagnostic = ["gradNorm", "nonFinite", "clipped", "updateNorm", "largestUpdate"];

const features: Readonly<Record<string, Feature>> = {
  standing: {},
  "for one call": {
    step(pair) {
      const { optimizer, model } = pair;
      optimizer.step(Object.fromEntries(model.map(({ name, grad }) => [name, { grad }])));
      stepFormed(pair);
    },
  },
  "null in its place": {
    step(pair, step) {
      pair.optimizer.step(step === 2 ? { v: null } : { w: { grad: pair.model[0]?.grad }, v: { grad: null } });
      if (step === 2) pair.expected.step({ v: null });
      else stepFormed(pair, ["w"]);
    },
  },
  gradScale: { options: { gradScale: 0.37 } },
  maximize: { options: { maximize: true } },
  clipValue: { options: { clipValue: 0.6 } },
  clipNorm: { options: { clipNorm: 2 } },
  clipGlobalNorm: { options: { clipGlobalNorm: 3 } },
  skipNonFinite: {
    options: { skipNonFinite: true },
    bad: Number.NaN,
    after: ({ optimizer }) => expect(optimizer.state("w").step).toBe(3),
  },
  "skipNonFinite with a sum that overflows": {
    options: { skipNonFinite: true, clipGlobalNorm: 2 },
    bad: 3e38,
  },
  lossScale: { options: { lossScale: { initial: 8, growthInterval: 2 } }, bad: Number.POSITIVE_INFINITY },
  diagnostics: { options: { diagnostics: everyDiagnostic, clipValue: 0.4 } },
  weightDecay: { options: { weightDecay: 0.1 } },
  decoupledWeightDecay: { options: { weightDecay: 0.1, decoupledWeightDecay: true } },
  ema: {
    options: { ema: { decay: 0.7 } },
    after({ optimizer, expected }) {
      for (const each of [optimizer, expected]) each.swapEma();
    },
  },
  "accumulation, flushed": {
    options: { gradientAccumulationSteps: 3, clipGlobalNorm: 2, zeroGrads: true },
    after({ optimizer, expected }) {
      expect(optimizer.lastStep?.applied).toBe(false);
      for (const each of [optimizer, expected]) each.flushAccumulated();
    },
  },
  "accumulation, dropped": {
    options: { gradientAccumulationSteps: 2, clipValue: 0.5 },
    step(pair, step) {
      stepBoth(pair);
      if (step === 2) for (const each of [pair.optimizer, pair.expected]) each.dropAccumulated();
    },
  },
  out: {
    step({ optimizer, model, expected, expectedModel }) {
      const before = model.map(({ data }) => plain(data));
      optimizer.step(Object.fromEntries(model.map(({ name, out }) => [name, { out }])));
      const taken = expectedModel.map(({ name, out, formed }) => [name, { out, grad: formed() }]);
      expected.step(Object.fromEntries(taken));
      expect(model.map(({ data }) => plain(data))).toEqual(before);
      model.forEach(({ out }, i) => {
        expect(plain(out)).toEqual(plain(expectedModel[i]?.out));
      });
    },
  },
  "zeroGrad()": {
    step(pair) {
      stepBoth(pair);
      pair.optimizer.zeroGrad();
      expectZeroed(pair);
    },
  },
  zeroGrads: {
    options: { zeroGrads: true },
    step(pair) {
      stepBoth(pair);
      expectZeroed(pair);
    },
  },
  "stepAsync()": {
    options: { clipNorm: 2 },
    async step(pair, step) {
      await pair.optimizer.stepAsync(step === 2 ? { w: { grad: pair.model[0]?.grad } } : undefined);
      stepFormed(pair, step === 2 ? ["w"] : names);
    },
  },
  freeze: {
    step(pair, step) {
      if (step === 2) pair.optimizer.freeze("v");
      if (step === 3) pair.optimizer.unfreeze("v");
      pair.optimizer.step();
      stepFormed(pair, step === 2 ? ["w"] : names);
    },
  },
  "remove, and add again": {
    step(pair, step) {
      if (step === 3) {
        for (const [optimizer, model] of [
          [pair.optimizer, pair.model],
          [pair.expected, pair.expectedModel],
        ] as const) {
          optimizer.remove("v");
          const { name, shape, data, grad } = model[1] as Model[number];
          optimizer.addParamGroup({ params: [{ name, shape, data, grad }], lr: 0.3 });
        }
      }
      stepBoth(pair);
    },
  },
  "groups that differ": {
    step(pair, step) {
      for (const each of [pair.optimizer, pair.expected])
        (each.paramGroups[1] as Record<string, unknown>).lr = 0.1 * step;
      stepBoth(pair);
    },
  },
  stateDict: {
    after({ optimizer, expected, other }) {
      expect(plain(optimizer.stateDict())).toEqual(plain(expected.stateDict()));
      const loaded = other();
      loaded.loadStateDict(expected.stateDict()); // which was stepped by plain arrays
      expect(plain(loaded.stateDict())).toEqual(plain(optimizer.stateDict()));
    },
  },
  checkpoints: {
    after({ optimizer, model, expected, other, otherModel }) {
      const file = `${temporaryFolder()}/made.safetensors`;
      saveCheckpoint(file, { parameters: parametersOf(model), optimizer });
      const loaded = other();
      loadCheckpoint(file, { parameters: parametersOf(otherModel), optimizer: loaded });
      expect(plain(loaded.stateDict())).toEqual(plain(expected.stateDict()));
      otherModel.forEach(({ data }, i) => {
        expect(plain(data)).toEqual(plain(model[i]?.data));
      });
    },
  },
};

/** Gradients are zeros; factors are what they were. */
function expectZeroed({ kind, model, expectedModel }: Pair): void {
  model.forEach(({ zeroed, read }, i) => {
    const isZero = zeroed.map((array) => array.every((value) => value === 0));
    const own = { "one array": [true, false, false], replicas: [true, true, true], factors: [false, false, false] };
    expect(isZero).toEqual(own[kind]);
    for (const key of ["x", "y"] as const) expect(plain(read[key])).toEqual(plain(expectedModel[i]?.read[key]));
  });
}

type Models = [Model, Model, Model];

describe.each(Object.keys(everyBackend))("on %s", (backend) => {
  describe.each(kinds)("%s", (kind) => {
    test.each(Object.entries(features))("%s", async (_, { options = {}, bad, step, after }) => {
      useBackend(everyBackend[backend] as never);
      for (const type of numberTypes) {
        const optimizerOf = (model: Model) =>
          new (classOf("RMSprop"))(
            parametersOf(model).map((each) => ({ params: [each] })),
            { lr: 0.1, ...options },
          );
        const [model, expectedModel, otherModel] = Array.from({ length: 3 }, () => modelOf(kind, type)) as Models;
        const pair: Pair = {
          ...{ kind, model, expectedModel },
          optimizer: optimizerOf(model),
          // Its parameters stand with arrays, so that a step by name can give it those that are formed.
          expected: optimizerOf(expectedModel.map((each) => ({ ...each, grad: each.read.a }))),
          ...{ otherModel, other: () => optimizerOf(otherModel) },
        };
        for (let i = 1; i <= 4; i++) {
          write([model, expectedModel], i, i === 3 ? bad : undefined);
          await (step ?? stepBoth)(pair, i);
          const { optimizer, expected } = pair;
          expect(optimizer.lastStep).toEqual(expected.lastStep);
        }
        await after?.(pair);
        model.forEach(({ data }, i) => {
          expect(plain(data), type).toEqual(plain(expectedModel[i]?.data));
        });
        const [found, wanted] = [pair.optimizer, pair.expected];
        for (const name of names) expect(plain(found.state(name))).toEqual(plain(wanted.state(name)));
      }
    });
  });
});
