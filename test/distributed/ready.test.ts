// Gradients that travel before the step, and what a program does meanwhile.
import { expect, test } from "vitest";
import type { Communicator } from "../../lib/distributed/communicator.ts";
import { shard } from "../../lib/distributed/shard.ts";
import { allocate, type OptimError, RMSprop } from "../../lib/index.ts";
import { setRound } from "../../lib/memory/memory.ts";
import { RanksInOneProcess } from "../support/ranks.ts";

const shapes = { w1: [1500], b1: [3], w2: [2048] };

async function made(communicator: Communicator, options = {}) {
  const model = allocate(shapes);
  for (const grad of Object.values(model.grads)) grad.fill(1);
  return { model, optimizer: await shard(communicator, RMSprop, model, options, { bucketBytes: 4096 }) };
}

test("each call lets gradients travel at once, though nobody gives control away", async () => {
  const ranks = new RanksInOneProcess(2);
  const counts = await ranks.run(async (communicator) => {
    const { optimizer } = await made(communicator);
    const order = ranks.orders[communicator.rank] as string[];
    const counts = (["w2", "b1", "w1"] as const).map((name) => {
      optimizer.ready(name);
      return order.filter((each) => each.startsWith("exchange")).length;
    });
    await optimizer.step();
    return counts;
  });
  expect(counts).toEqual(Array(2).fill([2, 2, 4]));
  expect(ranks.orders[0]).toEqual(ranks.orders[1]);
});

test("an optimizer is not disposed in the same go, and its memory is free after the step", async () => {
  const ranks = new RanksInOneProcess(2);
  await ranks.run(async (communicator) => {
    const { model, optimizer } = await made(communicator);
    optimizer.ready("b1"); // alone it is no bucket
    optimizer.ready("w2");
    expect(() => optimizer.dispose()).toThrow("Expected no gradients to be under way");
    await optimizer.step();
    optimizer.dispose();
    model.dispose();
  });
});

test("memory is free of a model whose other arrays were gone when ready() was called", async () => {
  const ranks = new RanksInOneProcess(2);
  await ranks.run(async (communicator) => {
    const [a, b] = [allocate({ a: [3000] }), allocate({ b: [3000] })];
    const parameters = [...a.parameters, ...b.parameters];
    const optimizer = await shard(communicator, RMSprop, parameters, {}, { bucketBytes: 4096 });
    b.dispose();
    optimizer.ready("a", "b");
    await expect(optimizer.step()).rejects.toThrow("was disposed");
    a.dispose();
  });
});

test("gradients are set to zero as options said when the step began", async () => {
  const ranks = new RanksInOneProcess(2);
  const sums = await ranks.run(async (communicator) => {
    const { model, optimizer } = await made(communicator);
    const group = optimizer.paramGroups[0] as { zeroGrads: boolean };
    const sums: number[] = [];
    for (const zeroGrads of [true, false, true]) {
      const step = optimizer.step();
      group.zeroGrads = zeroGrads; // for the next one
      await step;
      sums.push(Object.values(model.grads).reduce((sum, grad) => grad.reduce((a, b) => a + b, sum), 0));
      for (const grad of Object.values(model.grads)) grad.fill(1);
    }
    return sums;
  });
  expect(sums).toEqual(Array(2).fill([3551, 0, 3551]));
});

test("a rank whose team writes its replicas' gradients refuses, and so do the others", async () => {
  const ranks = new RanksInOneProcess(2);
  const codes = await ranks.run(async (communicator) => {
    const model = allocate(shapes, { replicas: 2 });
    const optimizer = await shard(communicator, RMSprop, model, {}, { replicas: 4, bucketBytes: 4096 });
    const buffers = model.replicas.map(({ grads }) => grads.w1.buffer);
    const isBusy = communicator.rank === 1;
    if (isBusy) setRound(buffers, true);
    const { code } = await optimizer.step().then(
      () => new Error("none") as OptimError,
      (error: OptimError) => error,
    );
    if (isBusy) setRound(buffers, false);
    await optimizer.step();
    expect(optimizer.lastStep?.step).toBe(1);
    return code;
  });
  expect(codes).toEqual(["ERR_RANKS", "ERR_STEP_IN_FLIGHT"]);
  expect(ranks.open).toBe(0);
});
