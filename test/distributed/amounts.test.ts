// What ranks keep and what they send: each its part of the state, and no byte more than a ring would.
import { describe, expect, test } from "vitest";
import { shard } from "../../lib/distributed/shard.ts";
import { madeOf, type ShardedOptimizer } from "../../lib/distributed/sharded.ts";
import { Adam, allocate, RMSprop, SGD } from "../../lib/index.ts";
import { bitsOf } from "../support/arrays.ts";
import { RanksInOneProcess } from "../support/ranks.ts";

const shapes = { w1: [300, 300], b1: [300], w2: [300, 10], b2: [10] };
const elements = 300 * 300 + 300 + 3000 + 10;
const tile = 1024;

/** The elements whose state a rank keeps. */
const ownElements = (optimizer: ShardedOptimizer) =>
  madeOf(optimizer)
    .pieces.flat()
    .reduce((sum, { begin, end }) => sum + end - begin, 0);

describe.each([2, 3, 4, 8])("%d ranks", (size) => {
  test.each([50_000, 2 ** 20])("buckets of %d bytes", async (bucketBytes) => {
    const ranks = new RanksInOneProcess(size);
    const own = await ranks.run(async (communicator) => {
      const model = allocate(shapes);
      const optimizer = await shard(communicator, Adam, model, {}, { bucketBytes });
      const before = ranks.sent.slice();
      await optimizer.step();
      const after = ranks.sent.slice();
      const { buckets } = madeOf(optimizer as never).traffic;
      const { state } = madeOf(optimizer as never).optimizer.stateDict();
      const kept = Object.values(state).flatMap((values) => Object.values(values));
      const arrays = kept.filter((value) => typeof value !== "number") as unknown as Float32Array[];
      expect(arrays.reduce((sum, { length }) => sum + length, 0)).toBe(2 * ownElements(optimizer as never));
      return { before, after, own: ownElements(optimizer as never), buckets: buckets.length };
    });
    const { buckets } = own[0] as (typeof own)[number];
    expect(buckets).toBe(Math.ceil((elements * 4) / bucketBytes));
    for (const rank of own) expect(rank.own).toBeLessThanOrEqual(elements / size + tile * buckets);
    expect(own.reduce((sum, rank) => sum + rank.own, 0)).toBe(elements);
    const sent = ranks.sent.reduce((sum, bytes) => sum + bytes, 0);
    // Of all ranks together: gradients and parameters, 8 bytes a rank of what decides a step, 64 of what is shared out.
    const least = 2 * (size - 1) * elements * 4;
    expect(sent).toBeGreaterThanOrEqual(least);
    expect(sent).toBeLessThanOrEqual(least * 1.01);
  });
});

test("a function of the rate is asked once a step, on every rank, whatever it has of the parameters", async () => {
  const asked: number[][] = [[], [], []];
  const ranks = new RanksInOneProcess(3);
  await ranks.run(async (communicator) => {
    const lr = (step: number) => {
      asked[communicator.rank]?.push(step);
      return 0.1;
    };
    const model = allocate({ tiny: [3] });
    const optimizer = await shard(communicator, SGD, model, { lr });
    for (let step = 0; step < 3; step++) await optimizer.step();
  });
  expect(asked).toEqual([
    [1, 2, 3],
    [1, 2, 3],
    [1, 2, 3],
  ]);
});

test("averages are exchanged with the parameters on all ranks, and back", async () => {
  const ranks = new RanksInOneProcess(3);
  const found = await ranks.run(async (communicator) => {
    const model = allocate({ w: [5000], b: [7] });
    const optimizer = await shard(communicator, RMSprop, model, { ema: { decay: 0.5 } }, { bucketBytes: 4096 });
    for (let step = 1; step < 4; step++) {
      model.grads.w.forEach((_, i) => {
        model.grads.w[i] = (i % 7) - 3 + communicator.rank + step;
      });
      await optimizer.step();
    }
    const bits = () => [...bitsOf(model.params.w), ...bitsOf(model.params.b)].join();
    const params = bits();
    const { ema } = { ema: await optimizer.stateDict() };
    await optimizer.swapEma();
    const averages = bits();
    const refused = await optimizer.step().catch((error: Error) => error.message);
    await optimizer.swapEma();
    expect(bits()).toBe(params);
    const state = ema?.state as unknown as Record<string, { ema: Float32Array }> | undefined;
    const expected = state && [...bitsOf(state.w?.ema as Float32Array), ...bitsOf(state.b?.ema as Float32Array)].join();
    return { averages, params, refused, expected };
  });
  for (const { averages, params, refused } of found) {
    expect(averages).toBe(found[0]?.expected);
    expect(averages).not.toBe(params);
    expect(refused).toMatch(/^Expected the parameters to be in their place/);
  }
});

test("groups show whole parameters, and options that are set", async () => {
  const ranks = new RanksInOneProcess(2);
  await ranks.run(async (communicator) => {
    const { parameters } = allocate({ w: [5000], b: [7], none: [0] });
    const groups = [{ params: parameters.slice(0, 2), lr: 0.5 }, { params: parameters.slice(2) }];
    const optimizer = await shard(communicator, SGD, groups, { momentum: 0.9 }, { bucketBytes: 4096 });
    const [first, second] = optimizer.paramGroups as unknown as [Record<string, unknown>, Record<string, unknown>];
    expect([first.params, first.lr, second.params, second.lr]).toEqual([["w", "b"], 0.5, ["none"], 0.001]);
    first.lr = 0.25;
    expect({ ...first }).toMatchObject({ lr: 0.25, momentum: 0.9, params: ["w", "b"] });
    expect(optimizer.paramGroups[0]).toBe(first);
    expect(() => {
      first.params = ["w"];
    }).toThrow("given other parameters");
  });
});

test("parameters of several models, of both number types and in parts, are shared out", async () => {
  const ranks = new RanksInOneProcess(2);
  const found = await ranks.run(async (communicator) => {
    const [a, b] = [allocate({ a1: [3000], a2: [10], a3: [1500] }), allocate({ b1: [2000] }, { dtype: "float64" })];
    // One that lies between others is left out: nobody may write it.
    a.params.a2.fill(communicator.rank);
    const parameters = [...a.parameters.filter(({ name }) => name !== "a2"), ...b.parameters];
    const optimizer = await shard(communicator, SGD, parameters, { lr: 1 }, { bucketBytes: 4096 });
    for (const array of [a.grads.a1, a.grads.a3, b.grads.b1]) array.fill(communicator.rank + 1);
    await optimizer.step();
    return [a.params.a1, a.params.a2, a.params.a3, b.params.b1].map((array) => [array[0], array.at(-1)]);
  });
  for (const [rank, each] of found.entries()) {
    expect(each).toEqual([
      [-1.5, -1.5],
      [rank, rank],
      [-1.5, -1.5],
      [-1.5, -1.5],
    ]);
  }
});

test("turns follow the calls: a sharded optimizer's, and another's over the same ranks", async () => {
  const ranks = new RanksInOneProcess(3);
  await ranks.run(async (communicator) => {
    const [a, b] = [allocate({ a: [3000] }), allocate({ b: [3000] })];
    const [first, second] = await Promise.all([
      shard(communicator, SGD, a, {}, { bucketBytes: 4096 }),
      shard(communicator, SGD, b, {}, { bucketBytes: 4096 }),
    ]);
    for (let step = 0; step < 3; step++) {
      second.ready("b");
      await Promise.all([first.step(), second.step(), step === 2 ? undefined : null]);
    }
    expect([first.lastStep?.step, second.lastStep?.step]).toEqual([3, 3]);
  });
  expect(ranks.orders[1]).toEqual(ranks.orders[0]);
  expect(ranks.orders[2]).toEqual(ranks.orders[0]);
});

test("a sum of replicas that are -0 is -0", async () => {
  const ranks = new RanksInOneProcess(2);
  const found = await ranks.run(async (communicator) => {
    const model = allocate({ w: [2000] }, { replicas: 2 });
    model.params.w.fill(-0);
    for (const { grads } of model.replicas) grads.w.fill(-0);
    const optimizer = await shard(communicator, SGD, model, { lr: 1 }, { replicas: 4, bucketBytes: 4096 });
    await optimizer.step();
    return model.params.w.every((value) => Object.is(value, 0)); // -0 - -0, where -0 - 0 is -0
  });
  expect(found).toEqual([true, true]);
});
