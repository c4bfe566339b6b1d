import { expect, test } from "vitest";
import { modelBucketBytes, stepCost } from "../../lib/cli/cost-model.ts";
import { defaultBucketBytes } from "../../lib/distributed/layout.ts";

/** Measured over 1 Gbit/s (949 Mbit/s of payload), 2^22 float32, buckets of 1 MB: ns an element. */
test.each([
  [2, 34.6],
  [4, 52],
])("on %d ranks the model is within 10 %% of what was measured", (ranks, measured) => {
  const elements = 2 ** 22;
  const { total } = stepCost({
    ...{ elements, bytesPerElement: 4, ranks, bytesPerSecond: 949e6 / 8, bucketBytes: 1e6, stepPerElement: 0.45e-9 },
  });
  expect(Math.abs((total * 1e9) / elements / measured - 1)).toBeLessThan(0.1);
});

test("one rank takes the plain step", () => {
  const cluster = { elements: 1e9, bytesPerElement: 4, bytesPerSecond: 1e9, bucketBytes: 1e6, stepPerElement: 5e-10 };
  expect(stepCost({ ...cluster, ranks: 1 })).toEqual({ travel: 0, messages: 0, step: 0.5, total: 0.5 });
});

test("buckets are those of ranks.shard()", () => {
  for (const bytes of [4, 1e5, 2 ** 24, 2 ** 24 + 4, 1e8, 2 ** 28, 4e9, 4e12]) {
    for (const ranks of [1, 2, 3, 16, 17, 64, 256, 1000, 100_000]) {
      expect(modelBucketBytes(bytes, ranks), `${bytes} bytes, ${ranks} ranks`).toBe(defaultBucketBytes(bytes, ranks));
    }
  }
});
