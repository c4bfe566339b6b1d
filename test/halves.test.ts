// A step in two calls over pieces of parameters, by ranks that have a part of the tiles each, leaves the bits and the
// findings that the plain optimizer's step over the whole parameters leaves.
import { afterEach, describe, expect, test } from "vitest";
import { useBackend } from "../lib/backends/current.ts";
import { tileSize } from "../lib/backends/limits.ts";
import { createNative } from "../lib/backends/native/native.ts";
import type { FloatArray } from "../lib/numbers/typed-array.ts";
import { binding } from "./support/backends.ts";
import { numberTypes, uniformFrom } from "./support/cases.ts";
import { classOf } from "./support/classes.ts";
import { everyBackend, useOwnBackend } from "./support/every-backend.ts";
import {
  differences,
  lengths,
  type Owner,
  piecesOf,
  plainOf,
  type Rank,
  rankOf,
  type Setting,
  stepRanks,
} from "./support/halves.ts";
import { rows } from "./support/optimizers/all.ts";

const before = binding?.threads() ?? 1;

afterEach(() => {
  binding?.setThreads(before);
  useOwnBackend();
});

const tiles = lengths.reduce((sum, length) => sum + Math.ceil(length / tileSize), 0);

/** Which rank of a number takes a tile. */
const cuts: Readonly<Record<string, (count: number) => (tile: number) => number>> = {
  "one after the other": (count) => (tile) => Math.floor((tile * count) / tiles),
  "in turn": (count) => (tile) => tile % count,
};

const diagnostics = ["gradNorm", "updateNorm", "largestUpdate", "clipped", "nonFinite"];

/** Options of all groups, those of the second, and how many arrays each gradient has. */
const cases: Readonly<Record<string, { options?: object; second?: object; replicas?: number }>> = {
  "the rule alone": {},
  "a mean of two": { replicas: 2 },
  "clip by the norm of each": { second: { clipNorm: 0.7 } },
  "clip by the norm of all, and by value": { options: { clipGlobalNorm: 2, clipValue: 0.5 } },
  "skip, with a scale of the loss": { options: { lossScale: { initial: 4, growthInterval: 2 } } },
  "diagnostics alone": { options: { diagnostics }, second: { clipValue: 0.25 } },
  "averages and zeros": { options: { ema: { decay: 0.9, start: 2 }, zeroGrads: true }, replicas: 2 },
  everything: {
    options: {
      ...{
        diagnostics,
        clipGlobalNorm: 3,
        clipNorm: 2,
        skipNonFinite: true,
        lossScale: { initial: 2, growthInterval: 2 },
      },
      ...{ ema: { decay: 0.9, warmup: true }, zeroGrads: true, gradScale: 0.5 },
    },
    second: { clipValue: 0.4, clipNorm: null },
    replicas: 2,
  },
};

/** The same values in the same places, whoever holds them. */
function fill(owners: readonly Owner[], kind: "data" | "grads", seed: number, bad = false): void {
  for (const { arrays } of owners) {
    const uniform = uniformFrom(seed);
    for (const { data, grads } of arrays) {
      for (const array of kind === "data" ? [data] : grads)
        for (let i = 0; i < array.length; i++) array[i] = uniform() - 0.5;
    }
    const [first] = arrays;
    if (bad && kind === "grads") (first?.grads.at(-1) as FloatArray)[4321] = Number.NaN;
  }
}

async function takeSteps(setting: Setting, count: number, ownerOf: (tile: number) => number): Promise<void> {
  const whole = plainOf(setting);
  const ranks = Array.from({ length: count }, (_, rank) => rankOf(setting, rank, ownerOf));
  const all: readonly Owner[] = [whole, ...ranks];
  fill(all, "data", 7);
  for (let step = 1; step <= 5; step++) {
    fill(all, "grads", step, step === 3);
    // One parameter leaves out a step, so that a group has parameters that count apart.
    if (step === 2) setFrozen(whole, ranks, "freeze");
    if (step === 3) setFrozen(whole, ranks, "unfreeze");
    if (step === 4)
      for (const { optimizer } of all) (optimizer.paramGroups[1] as unknown as { gradScale: number }).gradScale = 0.75;
    whole.optimizer.step();
    const { orders, columns } = await stepRanks(ranks, ownerOf);
    for (const each of orders) expect(each).toEqual(orders[0]);
    expect(new Set(columns.slice(0, count).map(String)).size).toBe(1);
    expect(new Set(columns.slice(count).map(String)).size).toBe(1);
    for (const { optimizer } of ranks) {
      expect(optimizer.lastStep, `step ${step}`).toEqual(whole.optimizer.lastStep);
      expect(optimizer.lossScale).toBe(whole.optimizer.lossScale);
    }
    expect(differences(whole, ranks, ownerOf), `step ${step}`).toEqual([]);
  }
  for (const { optimizer, dispose } of all) {
    optimizer.dispose();
    dispose();
  }
}

function setFrozen(whole: Owner, ranks: readonly Rank[], call: "freeze" | "unfreeze"): void {
  whole.optimizer[call]("w3");
  for (const rank of ranks) rank.optimizer[call](...piecesOf(rank, 3));
}

const own = Object.entries(everyBackend);

describe.each(rows.map(({ definition, fullest }) => [definition.name, fullest] as const))("%s", (name, fullest) => {
  describe.each(numberTypes)("%s", (type) => {
    test.each(Object.entries(cases))("%s", { timeout: 120_000 }, async (_, { options, second = {}, replicas = 0 }) => {
      const setting = { make: classOf(name), type, options: { ...fullest, ...options }, second, replicas };
      for (const [backendName, backend] of own) {
        // Shared out among threads, whatever the size.
        const used = backendName === "native" && binding ? createNative(binding, { elementsPerThread: 1 }) : backend;
        const threads = backendName === "native" ? [1, 7] : [1];
        useBackend(used);
        for (const count of [2, 3, 4]) {
          const chosen = threads[count % threads.length] as number;
          used.setThreads(chosen);
          const [cut, of] = Object.entries(cuts)[count % 2] as [string, (typeof cuts)[string]];
          await expect(
            takeSteps(setting, count, of(count)),
            `${backendName}, ${count}, ${cut}`,
          ).resolves.toBeUndefined();
        }
        if (threads.length > 1) {
          used.setThreads(7);
          await takeSteps(setting, 3, (cuts["one after the other"] as (typeof cuts)[string])(3));
        }
      }
    });
  });
});
