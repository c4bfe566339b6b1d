// Rounds of teams in this process: what workers are called with and give, the mean, and its bits.
import { describe, expect, it } from "vitest";
import { allocate, RMSprop, SGD } from "../../dist/index.js";
import { backwardOf, modelOf, moduleOf, rejection, useTeams } from "./support/teams.ts";

const { team } = useTeams();

describe("rounds", () => {
  const echo = backwardOf("data[index] = work === undefined ? 1 : [].concat(work).length; return [].concat(work)[0];");
  const many = Array.from({ length: 16 }, (_, i) => i + 0.5);

  it("call each worker with a number, a list or nothing, and give what each returned, NaN for nothing", async () => {
    const lengths = new Float64Array(new SharedArrayBuffer(16));
    const made = await team(modelOf(2), echo, lengths);
    for (const [work, result] of [
      [7, 7],
      [-0, -0],
      [Number.NaN, Number.NaN],
      [many, 0.5],
      [[Number.POSITIVE_INFINITY], Number.POSITIVE_INFINITY],
      [[], Number.NaN],
      [undefined, Number.NaN],
    ] as const) {
      expect(await made.backward(work)).toEqual([result, result]);
      const length = Array.isArray(work) ? work.length : 1;
      expect([...lengths]).toEqual([length, length]);
    }
  });

  it("give a list as a list, and a number as a number", async () => {
    const made = await team(modelOf(1), backwardOf("return Array.isArray(work) ? -work.length : work;"));
    expect([await made.backward([5]), await made.backward(5)]).toEqual([[-1], [5]]);
  });

  it("give each worker its replica, its number, and the values as steps leave them", async () => {
    const model = modelOf(3);
    const optimizer = new SGD(model.parameters, { lr: 1 });
    const made = await team(model, backwardOf("grads.w.fill(index * 3 + work); return params.w[0] * 10 + count;"));
    expect(made.count).toBe(3);
    expect(await made.backward(1)).toEqual([3, 3, 3]);
    expect(model.replicas.map(({ grads }) => grads.w[2])).toEqual([1, 4, 7]);
    optimizer.step();
    expect([...model.params.w]).toEqual([-4, -4, -4]);
    expect(await made.backward(0)).toEqual([-37, -37, -37]);
  });

  it("await functions that are asynchronous", async () => {
    const url = moduleOf(`
      const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
      export default async ({ grads, index }) => {
        await later(20);
        return async (work) => { await later(30 * index); grads.w.fill(work); return index; };
      };`);
    const model = modelOf(2);
    const made = await team(model, url);
    expect(await made.backward(5)).toEqual([0, 1]);
    expect(model.replicas.map(({ grads }) => grads.w[0])).toEqual([5, 5]);
  });

  /** Code that has a thread stop for some milliseconds before and after each of its calls that wake others. */
  const sleepy = (before: number, after: number) => `
    const { notify } = Atomics;
    const sleep = (ms) => { for (const until = performance.now() + ms; performance.now() < until; ); };
    Atomics.notify = (...of) => { sleep(${before}); const woken = notify(...of); sleep(${after}); return woken; };
    return notify;`;

  it.each([
    ["however many come", ""],
    ["also where the next has always begun", sleepy(0, 8)],
  ])("let a worker's event loop have its turns, %s", async (_, there) => {
    const url = moduleOf(`
      new Function(${JSON.stringify(there)})();
      let turns = 0;
      setInterval(() => turns++, 1);
      export default () => () => turns;`);
    const made = await team(modelOf(1), url);
    const until = performance.now() + 300;
    let turns = 0;
    while (performance.now() < until) [turns = 0] = await made.backward();
    expect(turns).toBeGreaterThan(2);
  });

  it("go on after a pause longer than workers block", async () => {
    const made = await team(modelOf(2), backwardOf("return work;"));
    for (let i = 0; i < 5; i++) {
      await new Promise((resolve) => setTimeout(resolve, 15 * i));
      expect(await made.backward(i)).toEqual([i, i]);
    }
  });

  it.each([
    ["a worker has done one before it is woken for it", sleepy(3, 0), ""],
    ["this thread sees that one is done before it is woken for it", sleepy(0, 3), sleepy(6, 0)],
  ])(
    "come once each, also where %s",
    async (_, here, there) => {
      const made = await team(
        modelOf(2),
        moduleOf(`new Function(${JSON.stringify(there)})(); let times = 0; export default () => () => ++times;`),
      );
      const notify = new Function(here)() as typeof Atomics.notify;
      try {
        for (let round = 1; round <= 5; round++) expect(await made.backward()).toEqual([round, round]);
      } finally {
        Atomics.notify = notify;
      }
    },
    5000,
  );

  it("are refused while one is under way, and other work than numbers at any time", async () => {
    const made = await team(modelOf(2), backwardOf("return new Promise((r) => setTimeout(r, 50, work));"));
    const first = made.backward(1);
    expect(await rejection(made.backward(2))).toMatchObject({
      code: "ERR_STEP_IN_FLIGHT",
      message: "Expected the round before to be done, but it is not: await what backward() returned.",
    });
    expect(await first).toEqual([1, 1]);
    for (const [work, found] of [
      ["1", 'is "1"'],
      [null, "is null"],
      [[1, "2"], 'has "2"'],
      [[1, undefined, 2], "has undefined"],
      [Array(2), "has undefined"],
      [Array(17).fill(0), "has 17"],
      [new Float64Array(2), "is a Float64Array"],
      [{}, "is an object"],
    ] as const) {
      expect(await rejection(made.backward(work as never))).toMatchObject({
        code: "ERR_OPTION",
        message: `Expected what backward() is called with to be a number or a list of at most 16 numbers, but it ${found}.`,
      });
    }
    const two = made.backward.bind(made) as (...values: number[]) => Promise<number[]>;
    expect(await rejection(two(1, 2))).toMatchObject({
      code: "ERR_OPTION",
      message: "Expected backward() to be called with a number or one list of numbers, but with 2 values.",
    });
    expect(await made.backward(3)).toEqual([3, 3]);
  });

  it("refuse steps while they are under way, and what else reads gradients, in every optimizer over the model", async () => {
    const model = modelOf(2);
    const given = { name: "w", data: new Float32Array(3), grad: model.replicas.map(({ grads }) => grads.w) };
    const optimizers = [new SGD(model.parameters, { lr: 1 }), new SGD([given], { lr: 1 })];
    for (const optimizer of optimizers) for (let i = 0; i < 2; i++) optimizer.step(); // a step that is taken again
    const made = await team(model, backwardOf("grads.w.fill(1); return new Promise((r) => setTimeout(r, 50, work));"));
    const round = made.backward(1);
    const inRound = {
      code: "ERR_STEP_IN_FLIGHT",
      message: expect.stringMatching(
        /^Expected the round of a team to be done, but its workers are writing the gradient/,
      ),
    };
    for (const optimizer of optimizers) {
      expect(() => optimizer.step()).toThrow(expect.objectContaining(inRound));
      expect(() => optimizer.zeroGrad()).toThrow(expect.objectContaining(inRound));
      expect(await rejection(optimizer.stepAsync())).toMatchObject({ code: "ERR_STEP_IN_FLIGHT" });
    }
    await round;
    const before = optimizers.map((optimizer) => optimizer.lastStep?.step);
    for (const optimizer of optimizers) optimizer.step();
    expect(optimizers.map((optimizer) => optimizer.lastStep?.step)).toEqual(before.map((step) => (step as number) + 1));
    expect(given.data[0]).toBe(-2);
    const unfinished = made.backward(1);
    await Promise.all([made.close(), rejection(unfinished)]);
    for (const optimizer of optimizers) optimizer.step();
  });

  it("are refused while a stepAsync() is at work on the model", async () => {
    const model = modelOf(2, 1e6);
    const optimizer = new SGD(model.parameters, { lr: 1 });
    const made = await team(model, backwardOf("return work;"));
    const step = optimizer.stepAsync();
    expect(await rejection(made.backward(1))).toMatchObject({ code: "ERR_STEP_IN_FLIGHT" });
    await step;
    expect(await made.backward(1)).toEqual([1, 1]);
  });
});

describe("the mean", () => {
  const url = backwardOf("grads.w.fill(index + 1);");
  /** What a step changes. */
  const stepOf = (model: ReturnType<typeof modelOf>, optimizer: SGD) => {
    model.params.w.fill(0);
    optimizer.step();
    return -(model.params.w[0] as number);
  };

  it("is what every optimizer over the model steps by, until the team is closed", async () => {
    const model = modelOf(3);
    const [before, after] = [0, 1].map(() => new SGD(model.parameters, { lr: 1 })) as [SGD, SGD];
    const made = await team(model, url);
    await made.backward();
    const during = new SGD(model.parameters, { lr: 1 });
    expect([before, during].map((optimizer) => stepOf(model, optimizer))).toEqual([2, 2]);
    await made.close();
    expect([before, during, after].map((optimizer) => stepOf(model, optimizer))).toEqual([6, 6, 6]);
  });

  it("is no more once a worker has failed", async () => {
    const model = modelOf(2);
    const optimizer = new SGD(model.parameters, { lr: 1 });
    const made = await team(model, backwardOf("if (work) throw new Error('x'); grads.w.fill(index + 1);"));
    await made.backward(0);
    expect(stepOf(model, optimizer)).toBe(1.5);
    await rejection(made.backward(1));
    expect(stepOf(model, optimizer)).toBe(3);
  });
});

describe("bits", () => {
  // Sums that depend on their order, and values that the next round's gradients depend on.
  const body = `
    for (let i = 0; i < params.w.length; i++) {
      let sum = 0;
      for (let k = index; k < 12; k += count) sum = Math.fround(sum + Math.sin(params.w[i] * (k + 1) + work + i));
      grads.w[i] = sum / 3;
    }
    return params.w[0];`;

  /** The sum of numbers, added in a tree with the largest power of two below their number on its left. */
  const treeSum = (of: readonly number[]): number => {
    if (of.length === 1) return of[0] as number;
    const left = 2 ** Math.ceil(Math.log2(of.length) - 1);
    return Math.fround(treeSum(of.slice(0, left)) + treeSum(of.slice(left)));
  };

  const length = 700;
  // Of a small rate or eps the scale of gradients would hardly show.
  const options = { lr: 0.5, momentum: 0.9, eps: 1 };
  const begin = (w: Float32Array) => w.set(w.map((_, i) => Math.sin(i) * 3));

  /** One process without a team, that forms the mean itself. */
  function trainAlone(count: number): Float32Array {
    const model = allocate({ w: [length] });
    const optimizer = new RMSprop(model.parameters, options);
    begin(model.params.w);
    const replicas = Array.from({ length: count }, () => ({ w: new Float32Array(length) }));
    const backwards = replicas.map((grads, index) =>
      new Function("params", "grads", "index", "count", `return (work) => {${body}};`)(
        ...[model.params, grads, index, count],
      ),
    );
    for (let work = 0; work < 20; work++) {
      for (const backward of backwards) backward(work);
      for (let i = 0; i < length; i++) {
        model.grads.w[i] = treeSum(replicas.map(({ w }) => w[i] as number)) / count;
      }
      optimizer.step();
    }
    return model.params.w;
  }

  it.each([2, 3, 5])("of %i workers are those of one process, on every run", async (count) => {
    const expected = Buffer.from(Float32Array.from(trainAlone(count)).buffer);
    for (let run = 0; run < 3; run++) {
      const model = modelOf(count, length);
      const optimizer = new RMSprop(model.parameters, options);
      begin(model.params.w);
      const made = await team(model, backwardOf(body));
      for (let work = 0; work < 20; work++) {
        await made.backward(work);
        optimizer.step();
      }
      expect(Buffer.from(Float32Array.from(model.params.w).buffer).equals(expected)).toBe(true);
      await made.close();
    }
  });
});
