// What ranks refuse they refuse all together, and nothing is changed.
import { describe, expect, test } from "vitest";
import type { Communicator } from "../../lib/distributed/communicator.ts";
import { type ShardOptions, shard } from "../../lib/distributed/shard.ts";
import type { ShardedOptimizer } from "../../lib/distributed/sharded.ts";
import { Adam, allocate, OptimError, RMSprop, SGD, schedules } from "../../lib/index.ts";
import { bitsOf } from "../support/arrays.ts";
import { RanksInOneProcess } from "../support/ranks.ts";

const shapes = { w1: [1500], b1: [3] };

/** What each rank's call throws, or undefined. */
async function thrownOn(size: number, program: (communicator: Communicator) => Promise<unknown>) {
  const ranks = new RanksInOneProcess(size);
  const thrown = await ranks.run(async (communicator) => {
    try {
      await program(communicator);
      return undefined;
    } catch (error) {
      return error as OptimError;
    }
  });
  expect(ranks.open).toBe(0);
  return thrown.map((error) => error && `${error.code}: ${error.message}`);
}

interface ShardCase {
  readonly model?: () => unknown;
  readonly Class?: unknown;
  readonly options?: object;
  readonly sharding?: ShardOptions;
}

function sharding(communicator: Communicator, { model = () => allocate(shapes), options, ...of }: ShardCase) {
  return shard(communicator, (of.Class ?? RMSprop) as typeof RMSprop, model() as never, options, of.sharding);
}

const same = "ERR_RANKS: Expected all ranks to shard the same parameters, but rank 2";

describe("ranks that differ where they shard", () => {
  test.each<[sentence: string, ShardCase]>([
    [
      `${same} has 'w1' with 100352 elements where rank 0 has 1500.`,
      { model: () => allocate({ w1: [784, 128], b1: [3] }) },
    ],
    [`${same} has 'w2' where rank 0 has 'w1'.`, { model: () => allocate({ w2: [1500], b1: [3] }) }],
    [`${same} has 1 parameters where rank 0 has 2.`, { model: () => allocate({ w1: [1500] }) }],
    [
      `${same} has 'w1' in float64 where rank 0 has it in float32.`,
      { model: () => allocate(shapes, { dtype: "float64" }) },
    ],
    [
      `${same} has groups of 1, 1 parameters where rank 0 has groups of 2.`,
      { model: () => allocate(shapes).parameters.map((parameter) => ({ params: [parameter] })) },
    ],
    [`${same} has the optimizer SGD where rank 0 has RMSprop.`, { Class: SGD }],
    [
      `${same} has the number of replicas 6 where rank 0 has 3.`,
      { model: () => allocate(shapes, { replicas: 2 }), sharding: { replicas: 6 } },
    ],
    [`${same} has bucketBytes of 4096 where rank 0 has 1048576.`, { sharding: { bucketBytes: 4096 } }],
    [`${same} has another 'momentum' than rank 0.`, { options: { momentum: 0.9 } }],
    [`${same} has another 'lr' than rank 0.`, { options: { lr: () => 0.1 } }],
    [`${same} has another 'lr' than rank 0.`, { model: () => [{ params: allocate(shapes).parameters, lr: 0.5 }] }],
    [`${same} refuses: Expected 'momentum' to be a number from 0 to 1, but it is 2.`, { options: { momentum: 2 } }],
  ])("%s", async (sentence, of) => {
    const thrown = await thrownOn(3, (communicator) => sharding(communicator, communicator.rank === 2 ? of : {}));
    expect(thrown.slice(0, 2)).toEqual([sentence, sentence]);
    // A rank that refuses says so in its own words.
    const [, own] = / refuses: (.*)$/.exec(sentence) ?? [];
    expect(thrown[2]).toBe(own === undefined ? sentence : `ERR_OPTION: ${own}`);
  });

  test("rank 0 that refuses is named too", async () => {
    const thrown = await thrownOn(2, (communicator) =>
      sharding(communicator, communicator.rank === 0 ? { options: { lr: -1 } } : {}),
    );
    expect(thrown).toEqual([
      expect.stringMatching(/^ERR_OPTION: Expected 'lr' to be .*, but it is -1\.$/),
      expect.stringMatching(/^ERR_RANKS: .* but rank 0 refuses: Expected 'lr' to be .*, but it is -1\.$/),
    ]);
  });
});

describe("what no rank shards", () => {
  const heap = () => [{ name: "w", data: new Float32Array(4), grad: new Float32Array(4) }];
  const { parameters } = allocate({ w: [2, 2] });
  const [{ data }] = parameters as unknown as [{ data: Float32Array }];
  test.each<[sentence: string, ShardCase]>([
    [
      "ERR_RANKS: Expected the number of replicas, 6, to be a multiple of the number of ranks, 4.",
      { sharding: { replicas: 6 } },
    ],
    [
      "ERR_RANKS: Expected gradients that lie in one run, as those of allocate() do, but 'w' does not.",
      { model: heap },
    ],
    [
      "ERR_RANKS: Expected gradients that lie in one run, as those of allocate() do, but 'w' has none.",
      { model: () => [{ name: "w", data, grad: null }] },
    ],
    [
      "ERR_DTYPE: Expected the gradient of 'w' to be an array, which ranks exchange, but it is made of factors.",
      { model: () => [{ name: "w", data, shape: [2, 2], grad: { x: new Float32Array(2), y: new Float32Array(2) } }] },
    ],
    [
      "ERR_DTYPE: Expected the data of 'w', which all ranks have, but it is null.",
      { model: () => [{ name: "w", data: null, shape: [2] }] },
    ],
    [
      "ERR_LENGTH: Expected 'w1' to have a gradient for each replica of this rank, 2, but it has 1: allocate(shapes, { replicas }) makes them.",
      { sharding: { replicas: 8 } },
    ],
    [
      "ERR_OPTION: Expected 'gradientAccumulationSteps' to be left out on ranks, but it is 4: the gradients of several batches are replicas of a rank, ranks.shard(…, { replicas }) over a model of allocate(shapes, { replicas }).",
      { options: { gradientAccumulationSteps: 4 } },
    ],
    [
      "ERR_OPTION: Expected 'bucketBytes' to be a whole number from 1 to 2^30, but it is 2147483648.",
      { sharding: { bucketBytes: 2 ** 31 } },
    ],
    ["ERR_OPTION: Expected a class of optimizers, such as RMSprop, but found an object.", { Class: {} }],
    [
      "ERR_NAME: Expected each parameter to have a name of its own, but two are named 'w'.",
      { model: () => [...parameters, ...parameters] },
    ],
    [
      "ERR_ALIASED: Expected arrays that do not overlap in memory, but the data of 'w' and the gradient of 'w' do.",
      { model: () => [{ name: "w", data, grad: data }] },
    ],
  ])("%s", async (sentence, of) => {
    for (const size of [1, 4]) {
      if (size === 1 && /ranks, 4|replica of this rank/.test(sentence)) continue;
      expect(await thrownOn(size, (communicator) => sharding(communicator, of))).toEqual(Array(size).fill(sentence));
    }
  });

  test("more ranks than a gradient has parts", async () => {
    const sentence = "ERR_RANKS: Expected 64 ranks at most, but there are 65.";
    expect(await thrownOn(65, (communicator) => sharding(communicator, {}))).toEqual(Array(65).fill(sentence));
  });

  test("an option beside a parameter", async () => {
    const model = () => allocate(shapes).parameters.map((parameter) => ({ ...parameter, lr: 1 }));
    const [first, second] = await thrownOn(2, (communicator) => sharding(communicator, { model }));
    expect(first).toMatch(/^ERR_OPTION: Expected 'lr' to be given to a group/);
    expect(second).toBe(first);
  });
});

interface Rank {
  readonly communicator: Communicator;
  readonly optimizer: ShardedOptimizer;
  readonly model: ReturnType<typeof modelOf>;
}

function modelOf() {
  const model = allocate(shapes);
  for (const array of [model.params.w1, model.params.b1]) array.fill(0.5);
  for (const array of [model.grads.w1, model.grads.b1]) array.fill(1);
  return model;
}

const snapshot = ({ model }: Rank) =>
  JSON.stringify([model.params.w1, model.params.b1, model.grads.w1, model.grads.b1].map((array) => [...bitsOf(array)]));

const statesOf = async ({ optimizer }: Rank) => JSON.stringify(await optimizer.stateDict());

/**
 * What an act throws on each rank, and that nothing has changed by it, neither the parameters nor the state, and that the
 * same step can be taken afterwards.
 */
async function refusedOn(
  size: number,
  options: object,
  act: (rank: Rank) => Promise<unknown>,
  { mend, Class = RMSprop }: { mend?: (rank: Rank) => void; Class?: unknown } = {},
): Promise<(string | undefined)[]> {
  return thrownOn(size, async (communicator) => {
    const model = modelOf();
    const sharding = { bucketBytes: 4096 };
    const optimizer = await shard(communicator, Class as typeof RMSprop, model, options, sharding);
    const rank = { communicator, optimizer, model } as Rank;
    await optimizer.step();
    const [before, state, step] = [snapshot(rank), await statesOf(rank), optimizer.lastStep];
    let thrown: unknown;
    try {
      await act(rank);
    } catch (error) {
      thrown = error;
    }
    mend?.(rank);
    expect(snapshot(rank)).toBe(before);
    expect(await statesOf(rank)).toBe(state);
    expect(optimizer.lastStep).toEqual(step);
    await optimizer.step();
    expect(optimizer.lastStep?.step).toBe(2);
    expect(snapshot(rank)).not.toBe(before);
    optimizer.dispose();
    model.dispose();
    if (thrown) throw thrown;
  });
}

const setOn = (rank: number, options: object) => (each: Rank) =>
  void (each.communicator.rank === rank && Object.assign(each.optimizer.paramGroups[0] as object, options));

const other =
  "ERR_RANKS: Expected all ranks to take the same step, but at step 2 rank 2 has another learning rate, option or step than rank 0.";

describe("steps that differ", () => {
  test.each<[string, object, object]>([
    ["lr", { lr: 0.1 }, { lr: 0.2 }],
    ["momentum", { momentum: 0.5 }, { momentum: 0.9 }],
    ["clipValue", { clipValue: null }, { clipValue: 0.3 }],
    ["gradScale", { gradScale: 1 }, { gradScale: 0.5 }],
  ])("'%s' that is set on one rank alone", async (_, options, changed) => {
    const act = async (rank: Rank) => {
      setOn(2, changed)(rank);
      await rank.optimizer.step();
    };
    expect(await refusedOn(4, options, act, { mend: setOn(2, options) })).toEqual(Array(4).fill(other));
  });

  test("gradients that were on their way are exchanged anew", async () => {
    const act = async (rank: Rank) => {
      setOn(2, { lr: 0.2 })(rank);
      rank.optimizer.ready("b1", "w1");
      await rank.optimizer.step();
    };
    expect(await refusedOn(3, { lr: 0.1 }, act, { mend: setOn(2, { lr: 0.1 }) })).toEqual(Array(3).fill(other));
  });

  test("freezing on one rank alone", async () => {
    const act = async ({ communicator, optimizer }: Rank) => {
      if (communicator.rank === 2) optimizer.freeze("w1");
      await optimizer.step();
    };
    const mend = ({ optimizer }: Rank) => optimizer.unfreeze("w1");
    expect(await refusedOn(3, {}, act, { mend })).toEqual(Array(3).fill(other));
  });

  test("a function of the rate that throws on one rank", async () => {
    let fails = -1;
    const thrown = await thrownOn(3, async (communicator) => {
      const model = modelOf();
      const lr = () => {
        if (fails === communicator.rank) throw new OptimError("ERR_OPTION", "No rate today.");
        return 0.1;
      };
      const optimizer = await shard(communicator, RMSprop, model, { lr });
      const rank = { communicator, optimizer, model } as unknown as Rank;
      await optimizer.step();
      const [before, state] = [snapshot(rank), await statesOf(rank)];
      fails = 1;
      let error: unknown;
      await optimizer.step().catch((each) => {
        error = each;
      });
      fails = -1;
      expect([snapshot(rank), await statesOf(rank)]).toEqual([before, state]);
      await optimizer.step();
      throw error;
    });
    const rest = "ERR_RANKS: Expected all ranks to take the same step, but at step 2 rank 1 refuses it.";
    expect(thrown).toEqual([rest, "ERR_OPTION: No rate today.", rest]);
  });

  test("a function of the rate that gives none on all ranks", async () => {
    const sentence = /^ERR_OPTION: Expected lr\(1\) to be a finite number of 0 or more, but it is NaN\.$/;
    const thrown = await thrownOn(2, async (communicator) => {
      const optimizer = await shard(communicator, SGD, modelOf(), { lr: () => Number.NaN });
      await optimizer.step();
    });
    expect(thrown).toEqual([expect.stringMatching(sentence), expect.stringMatching(sentence)]);
  });
});

const flight = (name: string) =>
  `ERR_STEP_IN_FLIGHT: Expected no call of this optimizer to be under way, but ${name}() is: await what it returned.`;

describe("calls that come too early", () => {
  test.each<[string, (rank: Rank) => unknown]>([
    ["step()", ({ optimizer }) => optimizer.step()],
    ["ready()", ({ optimizer }) => optimizer.ready("w1")],
    ["stateDict()", ({ optimizer }) => optimizer.stateDict()],
    ["swapEma()", ({ optimizer }) => optimizer.swapEma()],
    ["freeze()", ({ optimizer }) => optimizer.freeze("w1")],
    ["zeroGrad()", ({ optimizer }) => optimizer.zeroGrad()],
    ["dispose()", ({ optimizer }) => optimizer.dispose()],
  ])("%s in a step", async (_, call) => {
    const thrown = await thrownOn(2, async (communicator) => {
      const model = modelOf();
      const optimizer = await shard(communicator, RMSprop, model, { ema: { decay: 0.9 } });
      const step = optimizer.step();
      let error: unknown;
      try {
        await call({ communicator, optimizer, model } as unknown as Rank);
      } catch (each) {
        error = each;
      }
      expect(() => model.dispose()).toThrow("Expected no step to be at work in this memory");
      await step;
      expect(optimizer.lastStep?.step).toBe(1);
      throw error;
    });
    expect(thrown).toEqual([flight("step"), flight("step")]);
  });

  test("a step in the gathering of the state", async () => {
    const thrown = await thrownOn(2, async (communicator) => {
      const optimizer = await shard(communicator, RMSprop, modelOf());
      const state = optimizer.stateDict();
      const error = await optimizer.step().catch((each) => each);
      await state;
      throw error;
    });
    expect(thrown).toEqual([flight("stateDict"), flight("stateDict")]);
  });

  test.each<[string, (rank: Rank) => unknown]>([
    ["zeroGrad()", ({ optimizer }) => optimizer.zeroGrad()],
    ["dispose()", ({ optimizer }) => optimizer.dispose()],
    [
      "dispose() of the optimizer, and of the model,",
      ({ optimizer, model }) => {
        expect(() => model.dispose()).toThrow("Expected no step to be at work in this memory");
        optimizer.dispose();
      },
    ],
  ])("%s while gradients travel", async (_, call) => {
    const thrown = await refusedOn(2, {}, async (rank) => {
      rank.optimizer.ready("b1", "w1");
      await call(rank);
    });
    const sentence =
      "ERR_STEP_IN_FLIGHT: Expected no gradients to be under way, but ready() has let some travel: await step() first.";
    expect(thrown).toEqual([sentence, sentence]);
  });
});

test.each([1, 2])("%d ranks whose memory was given back set no gradient to zero", async (size) => {
  const thrown = await thrownOn(size, async (communicator) => {
    const model = modelOf();
    const optimizer = await shard(communicator, RMSprop, model);
    model.dispose();
    optimizer.zeroGrad();
  });
  const sentence = /^ERR_DETACHED: Expected the memory of the data of 'w1' to have \d+ bytes as before, but it has 0: /;
  expect(thrown).toEqual(Array(size).fill(expect.stringMatching(sentence)));
});

describe("calls that are refused", () => {
  const unknown = `ERR_NAME: Expected the name of a parameter, but none is named "w9".`;
  test.each<[sentence: string, (rank: Rank) => unknown]>([
    [unknown, ({ optimizer }) => optimizer.ready("w1", "w9")],
    [unknown, ({ optimizer }) => optimizer.freeze("w1", "w9")],
    [
      "ERR_NAME: Expected the name of a parameter, but it is an array: spread it, (...names).",
      ({ optimizer }) => optimizer.freeze(["w1"] as unknown as string),
    ],
    [
      "ERR_OPTION: Expected step() on ranks to be given nothing, because it is over their own arrays, but it is given an object.",
      ({ optimizer }) => (optimizer.step as (given: object) => Promise<void>).call(optimizer, {}),
    ],
    [
      "ERR_OPTION: Expected a group with 'ema' to exchange weights with, but there is none.",
      ({ optimizer }) => optimizer.swapEma(),
    ],
    [
      "ERR_OPTION: Expected the groups to be given to shard(), but one is pushed to paramGroups.",
      ({ optimizer }) => (optimizer.paramGroups as unknown as object[]).push({}),
    ],
    [
      "ERR_OPTION: Expected 'momentum' to be a number from 0 to 1, but it is 2.",
      ({ optimizer }) => Object.assign(optimizer.paramGroups[0] as object, { momentum: 2 }),
    ],
    [
      "ERR_STATE: Expected the state to be an object, but it is undefined.",
      ({ optimizer }) => optimizer.loadStateDict(),
    ],
  ])("%s", async (sentence, call) => {
    expect(await refusedOn(2, {}, async (rank) => call(rank))).toEqual([sentence, sentence]);
  });

  test.each<[sentence: string, (state: Record<string, Record<string, unknown>>) => unknown]>([
    [
      "ERR_STATE: Expected the squareAvg of 'w1' in the state to have 1500 elements, but it has 3.",
      (state) => ({ ...state, state: { ...state.state, w1: { step: 1, squareAvg: new Float32Array(3) } } }),
    ],
    [
      "ERR_STATE: Expected the state to have an entry for 'w1', but it has none.",
      (state) => ({ ...state, state: { b1: state.state?.b1 } }),
    ],
    [
      "ERR_STATE: Expected a state of this optimizer's parameters, but it has one of 'w9'.",
      (state) => ({ ...state, state: { ...state.state, w9: { step: 1, squareAvg: new Float32Array(3) } } }),
    ],
    ['ERR_STATE: Expected a state of the rule rmsprop, but it is of "sgd".', (state) => ({ ...state, rule: "sgd" })],
    [
      "ERR_STATE: Expected the step of 'b1' to be a whole number from 0 to 2^53 - 1, but it is 0.5.",
      (state) => ({ ...state, state: { ...state.state, b1: { step: 0.5, squareAvg: new Float32Array(3) } } }),
    ],
    [
      "ERR_STATE: Expected the state of 'w1' to have 'squareAvg', but it has not.",
      (state) => ({ ...state, state: { ...state.state, w1: { step: 1 } } }),
    ],
    [
      "ERR_STATE: Expected 'frozen' of the state to name parameters, but it has \"w9\".",
      (state) => ({ ...state, frozen: ["w9"] }),
    ],
  ])("a state: %s", async (sentence, change) => {
    const thrown = await refusedOn(3, {}, async ({ optimizer }) => {
      const state = (await optimizer.stateDict()) as unknown as Record<string, Record<string, unknown>> | undefined;
      await optimizer.loadStateDict(state && (change(state) as never));
    });
    expect(thrown).toEqual(Array(3).fill(sentence));
  });

  test("a state that one rank refuses", async () => {
    const lr = schedules.reduceOnPlateau(0.1);
    const thrown = await refusedOn(
      3,
      { lr },
      async (rank) => {
        const state = await rank.optimizer.stateDict();
        if (state?.state.w1) state.state.w1.step = 7; // it differs from what the ranks have
        setOn(1, { lr: 0.1 })(rank);
        await rank.optimizer.loadStateDict(state);
      },
      { mend: setOn(1, { lr }) },
    );
    expect(thrown[1]).toMatch(/^ERR_STATE: /);
    for (const each of [thrown[0], thrown[2]]) {
      expect(each).toMatch(/^ERR_RANKS: Expected all ranks to be ready for the load of a state, but rank 1 is not\. /);
    }
  });
});

describe("a link that is cut", () => {
  test.each([0, 1, 2, 3, 4])("at the collective %d of a step", async (number) => {
    const ranks = new RanksInOneProcess(3);
    const thrown = await ranks.run(async (communicator) => {
      const model = modelOf();
      const optimizer = await shard(communicator, Adam, model, {}, { bucketBytes: 2048 });
      const count = ranks.orders[communicator.rank]?.length as number;
      ranks.failsAt = count + number;
      const error = await optimizer.step().then(
        () => new Error("none"),
        (each: Error) => each,
      );
      const again = await optimizer.step().catch((each: Error) => each);
      optimizer.dispose();
      model.dispose();
      return [error.message, (again as Error | undefined)?.message];
    });
    for (const each of thrown) expect(each).toEqual(["The link is cut.", "The link is cut."]);
  });
});
