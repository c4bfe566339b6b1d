// Random walks: trainings of options, groups, number types, arrays and calls drawn by a seed, on ranks and by the plain
// optimizer, to the same bits.
import { expect, test } from "vitest";
import { shard } from "../../lib/distributed/shard.ts";
import { allocate, OptimError } from "../../lib/index.ts";
import type { FloatArray, NumberType } from "../../lib/numbers/typed-array.ts";
import { divideBy } from "../../lib/parameters/standing.ts";
import type { StateDict } from "../../lib/state/state-dict.ts";
import { gradients, uniformFrom } from "../support/cases.ts";
import { type AnyOptimizer, classOf } from "../support/classes.ts";
import { RanksInOneProcess } from "../support/ranks.ts";
import { comparable, type EitherOptimizer } from "../support/sharded.ts";

/** More by hand: RMSPROP_WALKS=300, and RMSPROP_FIRST_WALK to go on from a seed. */
const seeds = Number(process.env.RMSPROP_WALKS ?? 12);
const firstSeed = Number(process.env.RMSPROP_FIRST_WALK ?? 1);

type Uniform = () => number;
const oneOf = <T>(uniform: Uniform, all: readonly T[]): T => all[Math.floor(uniform() * all.length)] as T;
const chance = (uniform: Uniform, p: number) => uniform() < p;

const lengths = [0, 0, 1, 3, 7, 700, 1023, 1024, 1025, 2047, 2048, 3000, 5000];

/** Blocks of allocate(), with the names and lengths of their arrays. */
function blocksOf(uniform: Uniform) {
  let next = 0;
  return Array.from({ length: 1 + Math.floor(uniform() * 3) }, () => {
    const count = 1 + Math.floor(uniform() * 4);
    const shapes = Object.fromEntries(Array.from({ length: count }, () => [`p${next++}`, [oneOf(uniform, lengths)]]));
    return { shapes, dtype: oneOf(uniform, ["float32", "float32", "float64"] as readonly NumberType[]) };
  });
}

/** Options of a group that may be set between steps. */
function groupOptions(uniform: Uniform, hasMomentum: boolean): Record<string, unknown> {
  const options: Record<string, unknown> = {};
  if (chance(uniform, 0.3)) options.lr = uniform() * 0.1;
  if (chance(uniform, 0.3) && hasMomentum) options.momentum = oneOf(uniform, [0, 0.9]);
  if (chance(uniform, 0.3)) options.weightDecay = oneOf(uniform, [0, 0.01]);
  if (chance(uniform, 0.3)) options.clipNorm = oneOf(uniform, [null, 0.1, 2]);
  if (chance(uniform, 0.2)) options.clipValue = oneOf(uniform, [null, 0.3]);
  if (chance(uniform, 0.2)) options.gradScale = oneOf(uniform, [1, 0.37]);
  if (chance(uniform, 0.3)) options.zeroGrads = chance(uniform, 0.5);
  if (chance(uniform, 0.2)) options.ema = oneOf(uniform, [null, { decay: 0.9 }, { decay: 0.5, start: 2, every: 2 }]);
  return options;
}

function wholeOptions(uniform: Uniform, hasMomentum: boolean): Record<string, unknown> {
  const options = groupOptions(uniform, hasMomentum);
  if (chance(uniform, 0.3)) options.clipGlobalNorm = oneOf(uniform, [0.1, 5]);
  if (chance(uniform, 0.3)) options.skipNonFinite = true;
  if (chance(uniform, 0.2)) options.lossScale = { initial: 8, growthInterval: 2 };
  if (chance(uniform, 0.4)) {
    options.diagnostics = oneOf(uniform, [true, ["gradNorm"], ["updateNorm"], ["clipped", "nonFinite"]]);
  }
  return options;
}

type Act =
  | { readonly kind: "step"; readonly nonFinite: boolean; readonly ready: readonly string[] }
  | { readonly kind: "freeze"; readonly names: readonly string[] }
  | { readonly kind: "unfreeze"; readonly names: readonly string[] }
  | { readonly kind: "set"; readonly group: number; readonly options: object }
  | { readonly kind: "swap" }
  | { readonly kind: "reload" }
  | { readonly kind: "zero" };

function walkOf(seed: number) {
  const uniform = uniformFrom(seed);
  for (let i = 0; i < 5; i++) uniform();
  const name = oneOf(uniform, ["RMSprop", "RMSprop", "SGD", "Adam", "Adagrad"]);
  const hasMomentum = name === "RMSprop" || name === "SGD";
  const blocks = blocksOf(uniform);
  const names = blocks.flatMap(({ shapes }) => Object.keys(shapes));
  const groupCount = 1 + Math.floor(uniform() * Math.min(3, names.length));
  const groupOf = names.map((_, i) => (i < groupCount ? i : Math.floor(uniform() * groupCount)));
  const groups = Array.from({ length: groupCount }, () => (groupCount === 1 ? {} : groupOptions(uniform, hasMomentum)));
  const some = (p: number) => names.filter(() => chance(uniform, p));
  const acts: Act[] = [];
  const count = 3 + Math.floor(uniform() * 4);
  for (let i = 0; i < count; i++) {
    if (chance(uniform, 0.3)) acts.push({ kind: "freeze", names: some(0.4) });
    if (chance(uniform, 0.3)) acts.push({ kind: "unfreeze", names: some(0.6) });
    if (chance(uniform, 0.3)) {
      acts.push({
        kind: "set",
        group: Math.floor(uniform() * groupCount),
        options: groupOptions(uniform, hasMomentum),
      });
    }
    if (chance(uniform, 0.1)) acts.push({ kind: "zero" });
    if (chance(uniform, 0.15)) acts.push({ kind: "reload" });
    if (chance(uniform, 0.1)) acts.push({ kind: "swap" });
    const ready = chance(uniform, 0.5) ? names.slice(Math.floor(uniform() * names.length)).reverse() : [];
    acts.push({ kind: "step", nonFinite: chance(uniform, 0.25), ready });
  }
  const size = oneOf(uniform, [1, 2, 2, 3, 4, 8]);
  const replicas = size * oneOf(uniform, size === 3 ? [1] : [1, 1, 2, 4]);
  const options = wholeOptions(uniform, hasMomentum);
  if (chance(uniform, 0.2)) options.lr = (step: number) => 0.1 / step;
  return {
    ...{ seed, blocks, groupOf, groups, acts, size, replicas, options },
    name,
    bucketBytes: oneOf(uniform, [4096, 9000, 20_000, 1e6]),
    keepsGrads: chance(uniform, 0.3),
  };
}

type Walk = ReturnType<typeof walkOf>;

function modelOf({ blocks, groupOf, groups }: Walk, replicas: number) {
  const models = blocks.map(({ shapes, dtype }) =>
    replicas === 1 ? allocate(shapes, { dtype }) : allocate(shapes, { dtype, replicas }),
  );
  const parameters = models.flatMap(({ parameters }) => [...parameters]) as unknown as {
    name: string;
    data: FloatArray;
    grad: FloatArray | readonly FloatArray[];
  }[];
  const uniform = uniformFrom(7);
  for (const { data } of parameters) for (let i = 0; i < data.length; i++) data[i] = uniform() - 0.5;
  const input = groups.map((options, g) => ({ params: parameters.filter((_, i) => groupOf[i] === g), ...options }));
  const dispose = () => {
    for (const model of models) model.dispose();
  };
  return { parameters, input, dispose };
}

const gradsOf = ({ grad }: { grad: FloatArray | readonly FloatArray[] }) =>
  (Array.isArray(grad) ? grad : [grad]) as readonly FloatArray[];

/** Walks with an optimizer. @returns What it has come to, by steps. */
async function walkWith(
  { acts, keepsGrads }: Walk,
  { parameters }: ReturnType<typeof modelOf>,
  optimizer: EitherOptimizer,
  numbers: readonly number[],
  isRoot: boolean,
): Promise<object> {
  const infos: unknown[] = [];
  let state: StateDict | undefined;
  for (const [a, act] of acts.entries()) {
    if (act.kind === "freeze") optimizer.freeze(...act.names);
    else if (act.kind === "unfreeze") optimizer.unfreeze(...act.names);
    else if (act.kind === "set") Object.assign(optimizer.paramGroups[act.group] as object, act.options);
    else if (act.kind === "zero") optimizer.zeroGrad();
    else if (act.kind === "reload") {
      state = (await optimizer.stateDict()) as StateDict | undefined;
      await (optimizer as AnyOptimizer).loadStateDict(state as StateDict);
    } else if (act.kind === "swap") {
      for (let i = 0; i < 2; i++) {
        try {
          await optimizer.swapEma();
          infos.push(Object.fromEntries(parameters.map(({ name, data }) => [name, data.slice()])));
        } catch (error) {
          if (!(error instanceof OptimError)) throw error; // the link is cut
          infos.push(error.code);
        }
      }
    } else {
      for (const [r, number] of numbers.entries()) {
        const uniform = uniformFrom(a * 1000 + number);
        for (const parameter of parameters) {
          const grad = gradsOf(parameter)[r] as FloatArray;
          const kind = act.nonFinite ? "nonFinite" : "finite";
          for (let i = 0; i < grad.length; i++) {
            grad[i] = (keepsGrads ? (grad[i] as number) : 0) + gradients[kind](uniform);
          }
        }
      }
      if ("ready" in optimizer) for (const name of act.ready) optimizer.ready(name);
      await optimizer.step();
      infos.push(optimizer.lastStep);
    }
  }
  const params = Object.fromEntries(parameters.map(({ name, data }) => [name, data.slice()]));
  state = (await optimizer.stateDict()) as StateDict | undefined;
  const result = { params, infos, lossScale: optimizer.lossScale, state: isRoot ? state : undefined };
  return comparable(result as never);
}

async function plainWalk(walk: Walk): Promise<{ result: object; grads: string[] }> {
  const model = modelOf(walk, walk.replicas);
  divideBy(
    model.parameters.flatMap(({ grad }) => (Array.isArray(grad) ? [grad as object] : [])),
    walk.replicas,
  );
  const optimizer = new (classOf(walk.name))(model.input as never, walk.options);
  const numbers = Array.from({ length: walk.replicas }, (_, i) => i);
  const result = await walkWith(walk, model, optimizer, numbers, true);
  const grads = numbers.map((r) => digest(model.parameters.map((each) => gradsOf(each)[r] as FloatArray)));
  optimizer.dispose();
  model.dispose();
  return { result, grads };
}

const digest = (arrays: readonly FloatArray[]) =>
  JSON.stringify(comparable({ params: arrays.map((array) => array.slice()), infos: [], lossScale: 1 } as never));

async function walkOnRanks(walk: Walk): Promise<{ results: object[]; grads: string[] }> {
  const { size, replicas, bucketBytes, seed } = walk;
  const ranks = new RanksInOneProcess(size, seed);
  const all = await ranks.run(async (communicator) => {
    const model = modelOf(walk, replicas / size);
    const Class = classOf(walk.name);
    const sharding = { replicas, bucketBytes };
    const optimizer = await shard(communicator, Class, model.input as never, walk.options, sharding);
    const isRoot = communicator.rank === 0;
    const result = await walkWith(walk, model, optimizer, optimizer.replicas, isRoot);
    const grads = optimizer.replicas.map((_, r) =>
      digest(model.parameters.map((each) => gradsOf(each)[r] as FloatArray)),
    );
    optimizer.dispose();
    model.dispose();
    return { result, grads };
  });
  for (const order of ranks.orders) expect(order).toEqual(ranks.orders[0]);
  expect(ranks.open).toBe(0);
  return { results: all.map(({ result }) => result), grads: all.flatMap(({ grads }) => grads) };
}

test.each(Array.from({ length: seeds }, (_, i) => firstSeed + i))("walk %d", async (seed) => {
  const walk = walkOf(seed);
  const [plain, found] = [await plainWalk(walk), await walkOnRanks(walk)];
  for (const [rank, result] of found.results.entries()) {
    expect(result, `rank ${rank}`).toEqual(rank === 0 ? plain.result : { ...plain.result, state: undefined });
  }
  // Those that are left, as for a backward pass that adds to them.
  expect(found.grads).toEqual(plain.grads);
});

test.each(Array.from({ length: seeds }, (_, i) => firstSeed + i))("walk %d with a link that is cut", async (seed) => {
  const walk = walkOf(seed);
  const uniform = uniformFrom(seed + 100_000);
  const ranks = new RanksInOneProcess(walk.size, seed);
  ranks.failsAt = 1 + Math.floor(uniform() * 40); // after the ranks have sharded
  const thrown = await ranks.run(async (communicator) => {
    const model = modelOf(walk, walk.replicas / walk.size);
    const { replicas, bucketBytes } = walk;
    const sharding = { replicas, bucketBytes };
    const optimizer = await shard(communicator, classOf(walk.name), model.input as never, walk.options, sharding);
    const { message } = await walkWith(walk, model, optimizer, optimizer.replicas, communicator.rank === 0).then(
      () => new Error("none"),
      (error: Error) => error,
    );
    // Whatever was under way, nothing is any more.
    optimizer.dispose();
    model.dispose();
    return message;
  });
  // A walk may be done before, of some ranks too: each hears of a cut in a call that is under way.
  for (const each of thrown) expect(["none", "The link is cut."]).toContain(each);
});
