// What steps do beside the rule has the bits of the plain optimizer on any number of ranks, too.
import { describe, expect, test } from "vitest";
import { schedules } from "../../lib/index.ts";
import { numberTypes } from "../support/cases.ts";
import {
  comparable,
  type EitherOptimizer,
  type Result,
  type Training,
  trainOnRanks,
  trainPlain,
} from "../support/sharded.ts";

type Case = Omit<Training, "name" | "replicas" | "steps"> & { readonly name?: string; readonly steps?: number };

const ema = { decay: 0.9, warmup: true };

const set = (optimizer: EitherOptimizer, group: number, options: object) =>
  void Object.assign(optimizer.paramGroups[group] as object, options);

const cases: Readonly<Record<string, Case>> = {
  "a scale of gradients": { options: { gradScale: 0.37 } },
  "clipping by value": { options: { clipValue: 0.3, maximize: true } },
  "an average": { options: { ema } },
  "an average that begins late": { options: { ema: { decay: 0.5, start: 2, every: 2 } }, steps: 5 },
  "gradients that are set to zero": { options: { zeroGrads: true } },
  "two groups": { options: { momentum: 0.9, weightDecay: 0.01 }, second: { lr: 0.1, momentum: 0, zeroGrads: true } },
  "a function of the rate": { options: { lr: (step: number) => 0.1 / step } },
  "a schedule": { options: { lr: schedules.cosine(0.1, { steps: 5 }) } },
  "options that are set": {
    options: { momentum: 0.9 },
    second: {},
    before(optimizer, step) {
      if (step === 2) set(optimizer, 0, { lr: 0.5, centered: true });
      if (step === 3) set(optimizer, 1, { clipValue: 0.2, ema });
    },
    steps: 4,
  },
  freezing: {
    options: { momentum: 0.9, zeroGrads: true },
    second: {},
    before(optimizer, step) {
      if (step === 2) optimizer.freeze("w2", "none");
      if (step === 3) optimizer.freeze("b3");
      if (step === 4) optimizer.unfreeze("w2");
    },
    steps: 5,
  },
  "all frozen at times": {
    options: {},
    before(optimizer, step) {
      const all = ["none", "w1", "b1", "one", "w2", "w3", "b3", "w4"];
      if (step === 2) optimizer.freeze(...all);
      if (step === 3) optimizer.unfreeze(...all);
    },
  },
  "all frozen from the first": {
    options: { momentum: 0.9 },
    before(optimizer, step) {
      const all = ["none", "w1", "b1", "one", "w2", "w3", "b3", "w4"];
      if (step === 1) optimizer.freeze(...all);
      if (step === 3) optimizer.unfreeze(...all);
    },
  },
  "gradients that are not finite": { options: { momentum: 0.9 }, kind: "nonFinite" },
};

/** What needs to be known of all gradients before anything changes, or is told of all. */
const measured: Readonly<Record<string, Case>> = {
  "clipping by the norm of all": { options: { clipGlobalNorm: 0.1, momentum: 0.9 } },
  "clipping by the norm of each": { options: { clipNorm: 0.1 }, second: { clipNorm: null } },
  "both, in groups, with values": {
    options: { clipGlobalNorm: 3, clipNorm: 2, clipValue: 0.8, gradScale: 1.3, diagnostics: true },
    second: { clipNorm: 0.6, clipValue: null, lr: 0.001 },
  },
  "clipping by norm that is turned on": {
    options: {},
    before: (optimizer, step) => set(optimizer, 0, { clipNorm: step === 2 ? 0.3 : null }),
  },
  skipping: { options: { skipNonFinite: true, zeroGrads: true }, kind: "nonFinite", steps: 2 },
  "skipping that never comes": { options: { skipNonFinite: true } },
  "a scale of the loss": { options: { lossScale: { initial: 8, growthInterval: 2 } }, steps: 5 },
  "a scale of the loss that falls": { options: { lossScale: { initial: 8 } }, kind: "nonFinite" },
  diagnostics: { options: { diagnostics: true } },
  "diagnostics of changes alone": { options: { diagnostics: ["updateNorm", "largestUpdate"], ema } },
  "diagnostics of gradients alone": { options: { diagnostics: ["gradNorm", "nonFinite"] }, kind: "nonFinite" },
  "norms and freezing": {
    options: { clipGlobalNorm: 0.5, diagnostics: true },
    second: {},
    before(optimizer, step) {
      if (step === 2) optimizer.freeze("w2", "b1");
      if (step === 3) optimizer.unfreeze("b1");
    },
    steps: 4,
  },
};

function trainingOf({ steps = 3, ...of }: Case, more: Partial<Training> = {}): Training {
  return { name: "RMSprop", replicas: 4, steps, ...of, ...more };
}

function once(training: Training): () => Promise<Result> {
  let made: Promise<Result> | undefined;
  return () => {
    made ??= trainPlain(training);
    return made;
  };
}

for (const [title, all] of [
  ["steps", cases],
  ["measured steps", measured],
] as const) {
  describe.each(Object.entries(all))(`${title}: %s`, (_, of) => {
    describe.each(numberTypes)("%s", (dtype) => {
      const training = trainingOf(of, { dtype });
      const plain = once(training);
      test.each([1, 2, 4])("%d ranks with 4 replicas", async (size) => {
        const [found, expected] = [await trainOnRanks(size, training), await plain()];
        expect(comparable(found)).toEqual(comparable(expected));
        // Every gradient is set to zero where its group says so, whoever has stepped it.
        expect(found.rest === 0).toBe(expected.rest === 0);
      });
    });

    test("3 ranks, and 8", async () => {
      for (const size of [3, 8]) {
        const training = trainingOf(of, { replicas: size });
        expect(comparable(await trainOnRanks(size, training))).toEqual(comparable(await trainPlain(training)));
      }
    });

    test("gradients that travel early make no difference", async () => {
      const ready = ["w4", "b3", "w3", "w2", "one", "b1", "w1"] as const;
      const training = trainingOf(of, { ready });
      expect(comparable(await trainOnRanks(2, training))).toEqual(comparable(await trainPlain(training)));
      const some = { ...training, ready: ["w2", "w4", "b3"] as const, replicas: 2 };
      expect(comparable(await trainOnRanks(2, some))).toEqual(comparable(await trainPlain(some)));
    });

    test.each([
      [4, 2],
      [2, 8],
      [1, 4],
    ])("taken up from %d ranks by %d, and by the plain optimizer", async (before, after) => {
      const training = trainingOf(of, { replicas: 8 });
      const from = await trainOnRanks(before, training);
      const rest = { ...training, first: training.steps + 1, from };
      const expected = comparable(await trainPlain(rest));
      expect(comparable(await trainOnRanks(after, rest))).toEqual(expected);
      const straight = await trainPlain({ ...training, steps: 2 * training.steps });
      expect({ ...expected, infos: [] }).toEqual({ ...comparable(straight), infos: [] });
    });
  });
}
