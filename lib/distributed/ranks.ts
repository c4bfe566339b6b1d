import { leftOf } from "../backends/made-source.ts";
import type { Loaded } from "../checkpoint/checkpoint-load.ts";
import { OptimError } from "../errors.ts";
import { isNumber } from "../options/option.ts";
import { show } from "../values/show.ts";
import { type BroadcastArrays, bytesOfArrays, describeArrays } from "./arrays.ts";
import { loadCheckpoint, type RanksLoadOptions, type RanksSaveOptions, saveCheckpoint } from "./checkpoint.ts";
import type { DuplicableCommunicator } from "./mpi.ts";
import { type GroupOptionsOf, type OptimizerClass, type ShardedInput, type ShardOptions, shard } from "./shard.ts";
import type { ShardedOptimizer } from "./sharded.ts";
import { type Turns, turnsOf } from "./turns.ts";

/** The MPI library that the ranks stand on. */
export interface MpiLibrary {
  /** Its project, in its own words: "Open MPI", "MPICH". */
  readonly name: string;
  /** As it says: "4.1.4". */
  readonly version: string;
  /** The binary interface that it has. */
  readonly abi: "Open MPI" | "MPICH" | "standard";
  /** The file that it was loaded from. */
  readonly path: string;
}

/** The sum in the tree of replicas, whose order no number of ranks changes. */
function treeSum(values: Float64Array, from = 0, to = values.length): number {
  const count = to - from;
  if (count === 1) return values[from] as number;
  const middle = from + leftOf(count);
  return treeSum(values, from, middle) + treeSum(values, middle, to);
}

/**
 * The processes of a run, as one of them sees them. All ranks make the same calls in the same order, and none is done
 * before all have made it.
 */
export class Ranks {
  /** The number of this process, from 0. */
  readonly rank: number;
  /** How many processes there are. */
  readonly size: number;
  /** The MPI library; null where this process is alone without one. */
  readonly library: MpiLibrary | null;
  readonly #communicator: DuplicableCommunicator;
  /** All ranks then move the same bytes in the same order. */
  readonly #turns: Turns;

  /** @internal */
  constructor(communicator: DuplicableCommunicator, library: MpiLibrary | null) {
    this.#communicator = communicator;
    this.#turns = turnsOf(communicator);
    this.rank = communicator.rank;
    this.size = communicator.size;
    this.library = library;
  }

  /**
   * Gives all ranks the elements that one of them has.
   * @param arrays Typed arrays of the same number, types and lengths on all ranks: one, a list, or by name, as the
   * `params` of a model.
   * @param root The rank that has them.
   * @throws OptimError, as a rejection, on all ranks: ERR_RANKS where theirs differ; ERR_OPTION, ERR_DTYPE, ERR_LENGTH.
   */
  async broadcast(arrays: BroadcastArrays, root = 0): Promise<void> {
    if (!Number.isInteger(root) || root < 0 || root >= this.size) {
      const domain = this.size === 1 ? "0" : `a rank from 0 to ${this.size - 1}`;
      throw new OptimError("ERR_OPTION", `Expected 'root' to be ${domain}, but it is ${show(root)}.`);
    }
    const bytes = bytesOfArrays(arrays);
    await this.#turns.take(async () => {
      const found = await this.#gathered("the arrays of a broadcast", [root, ...describeArrays(bytes)]);
      const [wanted] = found as [number[]];
      const other = found.findIndex((numbers) => numbers.some((number, i) => number !== wanted[i]));
      if (other !== -1) throw broadcastDiffers(wanted, found[other] as number[], other);
      for (const { name, array } of bytes) await this.#communicator.broadcast(`a broadcast of ${name}`, array, root);
    });
  }

  /**
   * The mean of a number that each rank has. It is added in a balanced tree, so it has the same bits on all ranks, and on
   * every run.
   * @throws OptimError ERR_OPTION for what is no number; ERR_RANKS.
   */
  async mean(value: number): Promise<number> {
    if (!isNumber(value)) {
      throw new OptimError("ERR_OPTION", `Expected a number to take the mean of, but found ${show(value)}.`);
    }
    return this.#turns.take(async () => {
      const found = await this.#gathered("a mean", [value]);
      return treeSum(Float64Array.from(found.flat())) / this.size;
    });
  }

  /**
   * Waits until all ranks have come here.
   * @throws OptimError ERR_RANKS where some have not within the time-out.
   */
  async barrier(): Promise<void> {
    await this.#turns.take(() => this.#communicator.barrier("a barrier"));
  }

  /**
   * Makes an optimizer of which each rank has a part: it steps its part of the parameters, by the mean of all ranks'
   * gradients, and keeps the state of that part alone. All ranks call it together, with the same arguments.
   *
   * @param Class A class of optimizers, such as RMSprop.
   * @param model A model of `allocate`, or its parameters, or groups of them. All arrays are of `allocate`, and have the same
   * values on all ranks: `broadcast(model.params)`.
   * @param options Those of the optimizer's constructor; `gradientAccumulationSteps` is refused, for which `replicas` are
   * there.
   * @param sharding How it is shared out.
   * @throws OptimError, as a rejection, on all ranks: what the constructor throws; ERR_RANKS where ranks differ, and for
   * what cannot be shared out.
   * @example
   * ```js
   * import { RMSprop, allocate } from "rmsprop";
   * import { connect } from "rmsprop/distributed";
   *
   * const ranks = await connect(); // every process that mpirun started; alone, one rank
   * const model = allocate({ w: [2] });
   * if (ranks.rank === 0) model.params.w.set([1, 2]);
   * await ranks.broadcast(model.params);
   * const optimizer = await ranks.shard(RMSprop, model, { lr: 0.1, alpha: 0, clipGlobalNorm: 1 });
   * model.grads.w.set([3, 4]); // of this rank's examples
   * await optimizer.step(); // by the mean of all ranks' gradients
   * console.log(model.params.w, optimizer.lastStep.gradNorm); // Float32Array(2) [ 0.8999999761581421, 1.899999976158142 ] 5
   * ```
   */
  async shard<C extends OptimizerClass, N extends string = string>(
    Class: C,
    model: ShardedInput<GroupOptionsOf<C>, N>,
    options?: ConstructorParameters<C>[1],
    sharding?: ShardOptions,
  ): Promise<ShardedOptimizer<GroupOptionsOf<C>, N>> {
    // Its collectives have an order of their own: gradients may travel whatever else is under way.
    const own = await this.#turns.take(() => this.#communicator.duplicate("a sharded optimizer"));
    return shard(own, Class, model, options, sharding);
  }

  /**
   * Saves parameters, and a sharded optimizer's state and options, in the file that `saveCheckpoint` of
   * `rmsprop/checkpoint` writes for the plain optimizer, byte for byte. Rank 0 writes it, and for that has the whole state
   * for a while. Resolves on all ranks once it is written.
   * @param path A path or a file URL, on rank 0's machine.
   * @param options What to save.
   * @throws OptimError, as a rejection, on all ranks: what `saveCheckpoint` throws on rank 0.
   */
  async saveCheckpoint(path: string | URL, options: RanksSaveOptions): Promise<void> {
    await saveCheckpoint(this.#communicator, path, options);
  }

  /**
   * Fills parameters, and a sharded optimizer, from a file of `saveCheckpoint`, of this or of `rmsprop/checkpoint`, whatever
   * number of ranks wrote it. Rank 0 reads it and sends each rank its part. Nothing is changed before all ranks have found
   * that all fits.
   * @param path A path or a file URL, on rank 0's machine.
   * @param options What to fill.
   * @throws OptimError, as a rejection, on all ranks: what `loadCheckpoint` throws on rank 0; ERR_STATE; ERR_RANKS where
   * another rank refuses.
   */
  async loadCheckpoint(path: string | URL, options: RanksLoadOptions): Promise<Loaded> {
    return loadCheckpoint(this.#communicator, path, options);
  }

  /** The numbers of all ranks, each of which has as many. */
  async #gathered(what: string, numbers: readonly number[]): Promise<number[][]> {
    const { length } = numbers;
    const all = new Float64Array(this.size * length);
    all.set(numbers, this.rank * length);
    const offsets = Array.from({ length: this.size }, (_, rank) => rank * length * 8);
    await this.#communicator.gather(what, { array: all, offsets, counts: offsets.map(() => length * 8) });
    return offsets.map((_, rank) => [...all.subarray(rank * length, (rank + 1) * length)]);
  }
}

function broadcastDiffers(wanted: readonly number[], found: readonly number[], rank: number): OptimError {
  const said = ([root, count, bytes]: readonly number[]) =>
    `${count} ${count === 1 ? "array" : "arrays"} of ${bytes} bytes from rank ${root}`;
  const [a, b] = [said(wanted), said(found)];
  const difference = a === b ? "those of other types or lengths" : b;
  return new OptimError(
    "ERR_RANKS",
    `Expected all ranks to broadcast the same arrays, but rank ${rank} has ${difference} where rank 0 has ${a}.`,
  );
}
