import { currentBackend } from "../backends/current.ts";
import { maxParts } from "../backends/limits.ts";
import { OptimError } from "../errors.ts";
import { Optimizer, type ParamsInput } from "../optimizer.ts";
import { defaultsOf, type OptionTable, readOptions } from "../options/option.ts";
import { guardParameter, release } from "../parameters/guards.ts";
import type { AnyParameter } from "../parameters/parameter.ts";
import { show } from "../values/show.ts";
import { isRecord } from "../values/values.ts";
import { agreeToShard, type Description, textOf } from "./agreement.ts";
import type { Communicator } from "./communicator.ts";
import { bytesOf, defaultBucketBytes, mostBucketBytes } from "./layout.ts";
import { ownPieces } from "./pieces.ts";
import { runsOf } from "./places.ts";
import { type Made, ShardedOptimizer } from "./sharded.ts";
import { Sums } from "./sums.ts";
import { type Taken, takeModel } from "./taken.ts";
import { Traffic } from "./traffic.ts";
import { turnsOf } from "./turns.ts";

/** How a model is shared out between ranks. */
export interface ShardOptions {
  /**
   * The gradients whose mean a step takes, on all ranks together: a multiple of the number of ranks, which is the default.
   * A rank with several has them from `allocate(shapes, { replicas })`, and `optimizer.replicas` says which ones. A
   * training has the same bits on any number of ranks if both are powers of two and `replicas` stays.
   */
  replicas?: number;
  /**
   * The bytes that travel at once, from 1 to 2^30; shares are cut at multiples of 1,024 elements. Default: a sixteenth of
   * the model between 1 and 16 MB, but 64 kB or more for each rank.
   */
  bucketBytes?: number;
}

/** A class of optimizers, such as RMSprop. */
// biome-ignore lint/suspicious/noExplicitAny: the parameters and options of each class are its own
export type OptimizerClass = new (params: any, options?: any) => Optimizer;

/** The options of the groups of a class of optimizers. */
export type GroupOptionsOf<C extends OptimizerClass> = InstanceType<C> extends Optimizer<infer O> ? O : never;

/** A model of `allocate`, or what an optimizer's constructor takes: its parameters, or groups of them. */
export type ShardedInput<O, N extends string = string> =
  | { readonly parameters: Iterable<AnyParameter<N>> }
  | ParamsInput<O, N>;

const isCountTo = (most: number) => (value: unknown) =>
  Number.isInteger(value) && (value as number) >= 1 && (value as number) <= most;

const optionTable: OptionTable = {
  replicas: { default: 0, domain: "a whole number of 1 or more", accepts: isCountTo(Number.MAX_SAFE_INTEGER) },
  bucketBytes: { default: 0, domain: "a whole number from 1 to 2^30", accepts: isCountTo(mostBucketBytes) },
};

/** What has been made on this rank, and what the ranks compare. */
interface Local {
  readonly made: Made;
  readonly description: Description;
}

/** @throws OptimError ERR_RANKS. */
function checkReplicas(replicas: number, { size }: Communicator): void {
  if (size > maxParts) {
    throw new OptimError("ERR_RANKS", `Expected ${maxParts} ranks at most, but there are ${size}.`);
  }
  if (replicas % size === 0) return;
  throw new OptimError(
    "ERR_RANKS",
    `Expected the number of replicas, ${replicas}, to be a multiple of the number of ranks, ${size}.`,
  );
}

/** @throws OptimError ERR_OPTION. */
function checkOptimizerOptions(options: object): void {
  const { gradientAccumulationSteps: steps = 1 } = options as { readonly gradientAccumulationSteps?: unknown };
  if (steps === 1) return;
  throw new OptimError(
    "ERR_OPTION",
    `Expected 'gradientAccumulationSteps' to be left out on ranks, but it is ${show(steps)}: the gradients of several ` +
      "batches are replicas of a rank, ranks.shard(…, { replicas }) over a model of allocate(shapes, { replicas }).",
  );
}

function checkClass(given: unknown): asserts given is OptimizerClass {
  if (typeof given === "function" && given.prototype instanceof Optimizer) return;
  throw new OptimError("ERR_OPTION", `Expected a class of optimizers, such as RMSprop, but found ${show(given)}.`);
}

/** Reads and makes what is of this rank alone. */
function makeLocal(
  communicator: Communicator,
  Class: unknown,
  model: unknown,
  options: unknown,
  given: unknown,
): Local {
  checkClass(Class);
  const { rank, size } = communicator;
  const read = readOptions(optionTable, defaultsOf<Required<ShardOptions>>(optionTable), given, "shard");
  const replicas = read.replicas || size;
  checkReplicas(replicas, communicator);
  const own = isRecord(options) ? { ...options } : options;
  if (isRecord(own)) checkOptimizerOptions(own);
  const taken = takeModel(model, replicas / size);
  const { wholes, groups } = taken;
  const runs = runsOf(wholes);
  const modelBytes = runs.reduce((sum, run) => sum + bytesOf(run), 0);
  const bucketBytes = read.bucketBytes || defaultBucketBytes(modelBytes, size);
  const backend = currentBackend();
  const undo: (() => void)[] = [];
  try {
    const traffic = new Traffic(communicator, backend, runs, bucketBytes);
    undo.push(() => traffic.dispose());
    const { buckets } = traffic;
    const pieces = ownPieces(wholes, buckets, rank, replicas);
    const optimizer = makeOptimizer(Class, taken, pieces, own);
    undo.push(() => optimizer.dispose());
    const sums = size > 1 && replicas > size && buckets.length > 0 ? new Sums(backend, buckets) : undefined;
    const guards = wholes.map(({ given: object }, w) => {
      const parameter = taken.checked[w];
      return object && parameter ? guardParameter(object, parameter) : undefined;
    });
    const numbers = groups.map((group) => group.wholes);
    const frozen = new Set<number>();
    const made = { communicator, replicas, wholes, groups: numbers, pieces, optimizer, traffic, sums, guards, frozen };
    const described = groups.map((group) => ({
      options: group.options,
      params: group.wholes.map((w) => {
        const { name, length, type } = wholes[w] as (typeof wholes)[number];
        return [name, length, type] as const;
      }),
    }));
    const description = {
      ...{ refusal: null, optimizer: Class.name, replicas, bucketBytes, options: own, groups: described },
    };
    return { made, description };
  } catch (error) {
    for (const each of undo.reverse()) each();
    throw error;
  }
}

function makeOptimizer(
  Class: OptimizerClass,
  { groups, others }: Taken,
  pieces: ReturnType<typeof ownPieces>,
  options: unknown,
): Optimizer {
  const described = groups.map((group) => ({
    ...group.options,
    params: group.wholes.flatMap((w) =>
      (pieces[w] ?? []).map(({ name, data, grad }) => {
        // An option that a program has put beside a parameter is refused as ever.
        const rest = Object.fromEntries((others[w] ?? []).map((other) => [other, undefined]));
        return { ...rest, name, data, grad };
      }),
    ),
  }));
  return new Class(described.length > 0 ? described : [], options);
}

function disposeOf({ optimizer, traffic, sums, guards }: Made): void {
  for (const guard of guards) release({ guard, standing: undefined });
  optimizer.dispose();
  sums?.dispose();
  traffic.dispose();
}

/**
 * Makes an optimizer of which each rank has a part. All ranks call it together, with the same arguments.
 * @param communicator What brings bytes from rank to rank.
 * @param Class A class of optimizers, such as RMSprop.
 * @param model A model of `allocate`, or its parameters, or groups of them.
 * @param options Those of the optimizer's constructor.
 * @param sharding How it is shared out.
 * @throws OptimError, as a rejection, on all ranks: what the constructor throws; ERR_RANKS where ranks differ, and for what
 * cannot be shared out.
 */
export async function shard<C extends OptimizerClass, N extends string = string>(
  communicator: Communicator,
  Class: C,
  model: ShardedInput<GroupOptionsOf<C>, N>,
  options?: ConstructorParameters<C>[1],
  sharding: ShardOptions = {},
): Promise<ShardedOptimizer<GroupOptionsOf<C>, N>> {
  let local: Local | undefined;
  let refusal: { readonly error: unknown } | undefined;
  try {
    local = makeLocal(communicator, Class, model, options, sharding);
  } catch (error) {
    refusal = { error };
  }
  if (communicator.size > 1) {
    const message = String((refusal?.error as Error | undefined)?.message ?? refusal?.error);
    const refused = { refusal: message, optimizer: "", replicas: 0, bucketBytes: 0, options: null, groups: [] };
    try {
      await turnsOf(communicator).take(() => agreeToShard(communicator, textOf(local?.description ?? refused)));
    } catch (error) {
      if (local) disposeOf(local.made);
      throw refusal ? refusal.error : error;
    }
  }
  if (refusal) throw refusal.error;
  return new ShardedOptimizer<GroupOptionsOf<C>, N>((local as Local).made);
}
