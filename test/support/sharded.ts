// Trainings of a sharded optimizer, and of the plain one that takes the mean of the same replicas' gradients.
import { createHash } from "node:crypto";
import { shard } from "../../lib/distributed/shard.ts";
import type { ShardedOptimizer } from "../../lib/distributed/sharded.ts";
import { allocate } from "../../lib/index.ts";
import type { FloatArray, NumberType } from "../../lib/numbers/typed-array.ts";
import type { StepInfo } from "../../lib/optimizer.ts";
import { divideBy } from "../../lib/parameters/standing.ts";
import type { StateDict } from "../../lib/state/state-dict.ts";
import { bitsOf } from "./arrays.ts";
import { type GradientKind, gradients, uniformFrom } from "./cases.ts";
import { type AnyOptimizer, classOf } from "./classes.ts";
import { RanksInOneProcess } from "./ranks.ts";

/** Lengths on both sides of tiles, none and one among them. */
export const shapes = {
  none: [0],
  w1: [3, 700],
  b1: [7],
  one: [],
  w2: [5000],
  w3: [1024],
  b3: [1025],
  w4: [2047],
} as const;

export type Name = keyof typeof shapes;

const names = Object.keys(shapes) as Name[];

/** Small enough for several buckets, of several tiles. */
export const bucketBytes = 20_000;

/** What is common to both kinds of optimizers. */
export type EitherOptimizer = AnyOptimizer | ShardedOptimizer;

export interface Training {
  readonly name: string;
  readonly options: object;
  readonly dtype?: NumberType;
  readonly replicas: number;
  readonly steps: number;
  readonly kind?: GradientKind;
  /** Options of the second of two groups; without it there is one group. */
  readonly second?: object;
  /** Is called before a step, from 1, on all ranks. */
  before?(optimizer: EitherOptimizer, step: number): void | Promise<void>;
  /** The first step; those before it were taken by others. Default 1. */
  readonly first?: number;
  /** The state to go on from, and the parameters. */
  readonly from?: Result;
  /** Lets gradients travel before the step: parameters in this order, one by one. */
  readonly ready?: readonly Name[];
}

export interface Result {
  readonly params: Readonly<Record<Name, FloatArray>>;
  readonly state: StateDict;
  readonly infos: readonly (StepInfo | undefined)[];
  readonly lossScale: number;
  /** Of the gradients that a rank has in the end, the sum of squares. */
  readonly rest: number;
}

type AnyModel = ReturnType<typeof modelOf>;

function modelOf(dtype: NumberType, replicas: number) {
  const model = replicas === 1 ? allocate(shapes, { dtype }) : allocate(shapes, { dtype, replicas });
  const all = "replicas" in model ? model.replicas.map(({ grads }) => grads) : [model.grads];
  return { model, all };
}

function initialize({ model }: AnyModel, from?: Result): void {
  const uniform = uniformFrom(5);
  for (const name of names) {
    const array = model.params[name];
    for (let i = 0; i < array.length; i++) array[i] = uniform() - 0.5;
    if (from) array.set(from.params[name]);
  }
}

/** Fills the gradients that the replicas of numbers compute at a step. */
function fill({ all }: AnyModel, step: number, numbers: readonly number[], kind: GradientKind = "finite"): void {
  numbers.forEach((replica, i) => {
    const uniform = uniformFrom(step * 1000 + replica);
    for (const name of names) {
      const array = all[i]?.[name] as FloatArray;
      for (let e = 0; e < array.length; e++) array[e] = gradients[kind](uniform);
    }
  });
}

const paramsInput = ({ model }: AnyModel, second: object | undefined): readonly object[] =>
  second === undefined
    ? model.parameters
    : [
        { params: model.parameters.filter((_, i) => i % 2 === 0) },
        { params: model.parameters.filter((_, i) => i % 2 === 1), ...second },
      ];

function resultOf({ model, all }: AnyModel, state: StateDict, optimizer: EitherOptimizer, infos: Result["infos"]) {
  const copies = names.map((name) => [name, model.params[name].slice()]);
  let rest = 0;
  for (const grads of all) for (const name of names) for (const value of grads[name]) rest += Math.abs(value);
  const params = Object.fromEntries(copies) as Result["params"];
  return { params, state, infos, lossScale: optimizer.lossScale, rest };
}

/** Trains by the plain optimizer, whose gradients are lists of all replicas'. */
export async function trainPlain(training: Training): Promise<Result> {
  const { name, options, dtype = "float32", replicas, steps, kind, second, before, first = 1, from } = training;
  const model = modelOf(dtype, replicas);
  initialize(model, from);
  divideBy(
    model.model.parameters.map(({ grad }) => grad as object),
    replicas,
  );
  const optimizer = new (classOf(name))(paramsInput(model, second), options);
  if (from) optimizer.loadStateDict(from.state);
  const infos: (StepInfo | undefined)[] = [];
  const numbers = Array.from({ length: replicas }, (_, i) => i);
  for (let step = first; step < first + steps; step++) {
    await before?.(optimizer, step);
    fill(model, step, numbers, kind);
    optimizer.step();
    infos.push(optimizer.lastStep);
  }
  const result = resultOf(model, optimizer.stateDict(), optimizer, infos);
  optimizer.dispose();
  model.model.dispose();
  return result;
}

/** Trains on ranks, and compares them: what each has in the end must be the same. The state is rank 0's. */
export async function trainOnRanks(
  size: number,
  training: Training,
  ranks = new RanksInOneProcess(size),
): Promise<Result> {
  const { name, options, dtype = "float32", replicas, steps, kind, second, before, first = 1, from } = training;
  const results = await ranks.run(async (communicator) => {
    const model = modelOf(dtype, replicas / size);
    initialize(model, from);
    const given = second === undefined ? model.model : paramsInput(model, second);
    const optimizer = await shard(communicator, classOf(name), given as never, options, { replicas, bucketBytes });
    if (from) await optimizer.loadStateDict(communicator.rank === 0 ? from.state : undefined);
    const infos: (StepInfo | undefined)[] = [];
    for (let step = first; step < first + steps; step++) {
      await before?.(optimizer, step);
      fill(model, step, optimizer.replicas, kind);
      for (const each of training.ready ?? []) optimizer.ready(each);
      await optimizer.step();
      infos.push(optimizer.lastStep);
    }
    const state = await optimizer.stateDict();
    const result = resultOf(model, state as StateDict, optimizer, infos);
    optimizer.dispose();
    model.model.dispose();
    return result;
  });
  const [root] = results as [Result];
  for (const [rank, result] of results.entries()) {
    const other = { ...comparable(result), state: undefined };
    const same = JSON.stringify({ ...comparable(root), state: undefined }) === JSON.stringify(other);
    if (!same) throw new Error(`Rank ${rank} has another result than rank 0.`);
    if (rank > 0 && result.state) throw new Error(`Rank ${rank} was given a state.`);
    if (JSON.stringify(ranks.orders[rank]) !== JSON.stringify(ranks.orders[0])) {
      throw new Error(`Rank ${rank} has asked for other collectives than rank 0.`);
    }
  }
  if (ranks.open > 0) throw new Error(`${ranks.open} collectives were not asked for by all ranks.`);
  return root;
}

const bits = (value: unknown): unknown => {
  if (ArrayBuffer.isView(value)) {
    const all = bitsOf(value as FloatArray);
    const digest = createHash("sha256").update(new Uint8Array(all.buffer)).digest("hex").slice(0, 16);
    return `${value.constructor.name}(${all.length}) ${digest}`; // a difference of all elements would take minutes to print
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
    return Object.fromEntries(entries.map(([key, inner]) => [key, bits(inner)]));
  }
  if (Array.isArray(value)) return value.map(bits);
  return typeof value === "number" ? (Object.is(value, -0) ? "-0" : String(value)) : value;
};

/** A result as plain data, with every number by its bits; without what depends on the ranks' gradients. */
export function comparable({ params, state, infos, lossScale }: Result): object {
  return { params: bits(params), state: bits(state), infos: bits(infos), lossScale };
}
