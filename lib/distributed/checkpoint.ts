// Checkpoints of ranks: the plain files, which rank 0 writes and reads.
import { checkOptions, readParameters } from "../checkpoint/checkpoint-format.ts";
import type { Loaded } from "../checkpoint/checkpoint-load.ts";
import type { SaveOptions } from "../checkpoint/checkpoint-save.ts";
import { OptimError } from "../errors.ts";
import { bufferOf, byteOffsetOf, copyInto, type FloatArray } from "../numbers/typed-array.ts";
import type { MadeGradientParameter, Parameter, PlacedParameter } from "../parameters/parameter.ts";
import type { StateDict } from "../state/state-dict.ts";
import { show } from "../values/show.ts";
import type { Communicator } from "./communicator.ts";
import { fromRank0, tellAll, together } from "./messages.ts";
import { bytesAt } from "./places.ts";
import { inTurnOf, madeOf, readyToLoad, ShardedOptimizer, stateOf } from "./sharded.ts";
import { turnsOf } from "./turns.ts";

/** The contents of a checkpoint of ranks. */
export interface RanksSaveOptions extends Omit<SaveOptions, "parameters" | "optimizer"> {
  /** The parameters to save, such as `model.parameters`: those of the optimizer, and any others. */
  readonly parameters: Iterable<Parameter | MadeGradientParameter>;
  /** One of `ranks.shard`: its state and options are saved too. */
  readonly optimizer?: ShardedOptimizer | undefined;
}

/** What is filled from a checkpoint on all ranks. */
export interface RanksLoadOptions {
  /** The parameters to fill: all those of the file, by name. */
  readonly parameters: Iterable<Parameter | MadeGradientParameter>;
  /** One of `ranks.shard`: its state and options are replaced by those of the file. Without it those are ignored. */
  readonly optimizer?: ShardedOptimizer | undefined;
}

/** The functions of `rmsprop/checkpoint`, where there are files. */
export interface Files {
  saveCheckpointAsync(path: string | URL, options: SaveOptions): Promise<void>;
  loadCheckpointAsync(path: string | URL, options: object): Promise<Loaded>;
}

let files: Files | undefined;

/** Says what reads and writes files; without it there are none. */
export function useFiles(given: Files): void {
  files = given;
}

function filesHere(): Files {
  if (files) return files;
  throw new OptimError("ERR_OPTION", "Expected a runtime with files, but this one has none: see encodeCheckpoint().");
}

function shardedOf(given: unknown): ShardedOptimizer | undefined {
  if (given === undefined || given instanceof ShardedOptimizer) return given;
  throw new OptimError("ERR_OPTION", `Expected 'optimizer' to be one of ranks.shard(), but it is ${show(given)}.`);
}

/** The most bytes that are broadcast at once. */
const mostBytes = 2 ** 30;

/** Runs what all ranks do together: over the communicator of the optimizer that it is about, or else over theirs. */
function inTurn<T>(
  communicator: Communicator,
  optimizer: ShardedOptimizer | undefined,
  name: string,
  work: (communicator: Communicator) => Promise<T>,
): Promise<T> {
  if (!optimizer) return turnsOf(communicator).take(() => work(communicator));
  return inTurnOf(optimizer, name, () => work(madeOf(optimizer).communicator));
}

/** As `saveCheckpoint` of `rmsprop/checkpoint`, of all ranks together: rank 0 writes the file. */
export async function saveCheckpoint(
  communicator: Communicator,
  path: string | URL,
  options: RanksSaveOptions,
): Promise<void> {
  const optimizer = await turnsOf(communicator).take(() =>
    together(communicator, "a checkpoint", () => {
      checkOptions(options, ["parameters", "optimizer", "metadata", "dtype"], "saveCheckpoint");
      return shardedOf(options.optimizer);
    }),
  );
  await inTurn(communicator, optimizer, "saveCheckpoint", async (own) => {
    const state = optimizer && (await stateOf(optimizer));
    const whole = state && { stateDict: () => state, loadStateDict: () => undefined };
    await fromRank0(own, "a checkpoint", async () => {
      const all = { ...options, ...(whole && { optimizer: whole }) };
      await filesHere().saveCheckpointAsync(path, all as unknown as SaveOptions);
      return true;
    });
  });
}

/** As `loadCheckpoint` of `rmsprop/checkpoint`, of all ranks together: rank 0 reads the file. */
export async function loadCheckpoint(
  communicator: Communicator,
  path: string | URL,
  options: RanksLoadOptions,
): Promise<Loaded> {
  const { optimizer, parameters } = await turnsOf(communicator).take(() =>
    together(communicator, "a checkpoint", () => {
      checkOptions(options, ["parameters", "optimizer"], "loadCheckpoint");
      return { optimizer: shardedOf(options.optimizer), parameters: readParameters(options.parameters) };
    }),
  );
  return inTurn(communicator, optimizer, "loadCheckpoint", (own) => loading(own, path, parameters, optimizer));
}

async function loading(
  communicator: Communicator,
  path: string | URL,
  parameters: readonly PlacedParameter[],
  optimizer: ShardedOptimizer | undefined,
): Promise<Loaded> {
  const outline = parameters.map(({ name, length, type }) => [name, length, type]);
  const wanted = JSON.stringify(await tellAll(communicator, "the parameters of a checkpoint", outline));
  await together(communicator, "a checkpoint", () => {
    if (JSON.stringify(outline) === wanted) return;
    throw new OptimError(
      "ERR_RANKS",
      "Expected the parameters of a checkpoint to be those of rank 0, but they are not.",
    );
  });
  // Nothing is changed before all ranks have found that all fits.
  let read: readonly FloatArray[] = [];
  let state: StateDict | undefined;
  const loaded = await fromRank0(communicator, "a checkpoint", async () => {
    const others = parameters.map(elsewhere);
    read = others.map(({ data }) => data);
    const taking = {
      stateDict: noState,
      loadStateDict(given: StateDict) {
        state = given;
      },
    };
    return filesHere().loadCheckpointAsync(path, { parameters: others, ...(optimizer && { optimizer: taking }) });
  });
  const load = optimizer && (await readyToLoad(optimizer, state));
  for (const [i, { data, name }] of parameters.entries()) {
    if (communicator.rank === 0) copyInto(data, read[i] as FloatArray);
    const place = { buffer: bufferOf(data), byteOffset: byteOffsetOf(data) };
    for (let begin = 0; begin < data.byteLength; begin += mostBytes) {
      const bytes = bytesAt(place, begin, Math.min(begin + mostBytes, data.byteLength));
      await communicator.broadcast(`'${name}' of a checkpoint`, bytes, 0);
    }
  }
  load?.();
  return loaded;
}

function noState(): never {
  throw new Error("It is loaded, not saved.");
}

/** A parameter of the same form in memory of its own. */
function elsewhere({ name, type, length, shape }: PlacedParameter) {
  const data = type === "float32" ? new Float32Array(length) : new Float64Array(length);
  return { name, data, grad: null, ...(shape && { shape }) };
}
