// Sharded steps leave the bits of the plain optimizer, on any number of ranks.
import { describe, expect, test } from "vitest";
import { numberTypes } from "../support/cases.ts";
import { rows } from "../support/optimizers/all.ts";
import { comparable, type Training, trainOnRanks, trainPlain } from "../support/sharded.ts";

/** The plain optimizer's result, once for all numbers of ranks. */
function onceOf<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

describe.each(rows.map(({ definition, fullest }) => [definition.name, fullest] as const))("%s", (name, fullest) => {
  describe.each(numberTypes)("%s", (dtype) => {
    const training: Training = { name, options: fullest, dtype, replicas: 8, steps: 3 };
    const plain = onceOf(() => trainPlain(training));
    test.each([1, 2, 4, 8])("%d ranks with 8 replicas", async (size) => {
      expect(comparable(await trainOnRanks(size, training))).toEqual(comparable(await plain()));
    });

    test("3 ranks with 3 replicas", async () => {
      const odd = { ...training, replicas: 3 };
      expect(comparable(await trainOnRanks(3, odd))).toEqual(comparable(await trainPlain(odd)));
    });
  });
});
