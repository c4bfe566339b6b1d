import { availableParallelism, cpus } from "node:os";
import { currentBackend } from "../backends/current.ts";
import type { BackendRanks, StartedRanks } from "../backends/ranks.ts";
import { OptimError } from "../errors.ts";
import { told } from "../host.ts";
import { defaultsOf, isNumber, type OptionTable, readOptions } from "../options/option.ts";
import { show } from "../values/show.ts";
import { type BroadcastArrays, bytesOfArrays, describeArrays } from "./arrays.ts";
import { endTogether } from "./exit.ts";
import { type Launcher, launcherOf, librariesOf, wrongSize } from "./launcher.ts";
import { type DuplicableCommunicator, loneCommunicator, MpiCommunicator } from "./mpi.ts";
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

/** The options of `connect`. */
export interface ConnectOptions {
  /**
   * How long this rank waits for others, in seconds, before it says so and ends: at the start, in a collective, at the end.
   * Default: what the environment variable RMSPROP_MPI_TIMEOUT says, or 600.
   */
  timeout?: number;
}

const isTimeout = (value: unknown) => isNumber(value) && value > 0 && value < Number.POSITIVE_INFINITY;

const optionTable: OptionTable = {
  timeout: { default: 600, domain: "a finite number of seconds above 0", accepts: isTimeout },
};

/** The sum in a balanced tree, the largest power of two below the count on the left, which no number of ranks changes. */
function treeSum(values: Float64Array, from = 0, to = values.length): number {
  const count = to - from;
  if (count === 1) return values[from] as number;
  let left = 1;
  while (left * 2 < count) left *= 2;
  return treeSum(values, from, from + left) + treeSum(values, from + left, to);
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

const failure = (sentence: string) => new OptimError("ERR_RANKS", sentence);

/** The time-out that was asked for, or that the environment says. */
function timeoutOf(options: ConnectOptions, env: NodeJS.ProcessEnv): number {
  const text = told(() => env["RMSPROP_MPI_TIMEOUT"]);
  const { timeout } = readOptions(optionTable, defaultsOf<Required<ConnectOptions>>(optionTable), options, "connect");
  if (!text || Object.hasOwn(options, "timeout")) return timeout;
  const seconds = Number(text);
  if (isTimeout(seconds)) return seconds;
  throw new OptimError(
    "ERR_OPTION",
    `Expected RMSPROP_MPI_TIMEOUT to be a finite number of seconds above 0, but it is ${show(text)}.`,
  );
}

/** The ranks where MPI is not: this process alone, unless a launcher started more. */
function alone(launcher: Launcher | undefined, reason: string): Ranks {
  if (launcher && launcher.size !== 1) throw failure(reason);
  return new Ranks(loneCommunicator, null);
}

/** Waits for MPI to start on all ranks, and no longer than the time-out. */
async function started(start: Promise<StartedRanks>, timeout: number): Promise<StartedRanks> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const seconds = `${timeout} ${timeout === 1 ? "second" : "seconds"}`;
    const sentence = `Expected all ranks to start, but some have not for ${seconds}.`;
    // The longest that a timer takes; a program waits for less.
    timer = setTimeout(() => reject(failure(sentence)), Math.min(timeout * 1000, 2 ** 31 - 1));
  });
  try {
    return await Promise.race([start, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Says once that the launcher lets a rank use one core only, for JavaScript, steps and MPI together. */
function noteBinding({ rank, size }: Ranks): void {
  if (rank !== 0 || size === 1 || availableParallelism() > 1 || cpus().length === 1) return;
  process.emitWarning("this rank may use one processor only; mpirun --bind-to none lets it use all.", {
    type: "Note",
    code: "RMSPROP_RANKS",
  });
}

/** The name and the version in what a library says of itself: "Open MPI v4.1.4, package: …", "MPICH Version:  4.0.2\n…". */
function namedVersion(text: string): Pick<MpiLibrary, "name" | "version"> {
  const [, name, version] = /^\s*(.*?)[\s:]+(?:version:?\s*|v)?(\d[\w.]*)/i.exec(text) ?? [];
  return { name: name ?? text.split("\n", 1)[0] ?? "", version: version ?? "" };
}

async function start(ranks: BackendRanks, launcher: Launcher | undefined, timeout: number): Promise<Ranks> {
  const { env, platform } = process;
  const starting = ranks.start(librariesOf(launcher, env, platform), timeout);
  if (!starting) {
    throw failure(
      "Expected connect() to be called by one thread of the process, but MPI was started already in this process.",
    );
  }
  endTogether(ranks);
  const { error, loaded, rank, size, abi, version, path } = await started(starting, timeout);
  if (error && !loaded && !env["RMSPROP_MPI"]) return alone(launcher, error);
  if (error) throw failure(error);
  const wrong = wrongSize(launcher, size, path);
  if (wrong) throw failure(wrong);
  const library = Object.freeze({ ...namedVersion(version), abi: abi as MpiLibrary["abi"], path });
  const communicator = size === 1 ? loneCommunicator : new MpiCommunicator(ranks, { rank, size });
  const made = new Ranks(communicator, library);
  noteBinding(made);
  return made;
}

let connected: Promise<Ranks> | undefined;

/**
 * Comes together with the other processes that a launcher of MPI started: `mpirun`, `srun`, an MPIJob. Without a launcher
 * this process is one rank, alone.
 *
 * MPI is found when the program runs, and nothing of it is loaded before: the library of the launcher, or that which the
 * environment variable RMSPROP_MPI names. It starts once in a process, and further calls give the same object. When this
 * process ends well it waits for the others to do so too; when it fails it ends them all.
 *
 * @throws OptimError ERR_RANKS, as a rejection: no MPI library loads where a launcher started several ranks, or another than
 * the launcher's; the backend in use is not the native one; another thread has connected. ERR_OPTION.
 */
export function connect(options: ConnectOptions = {}): Promise<Ranks> {
  try {
    const timeout = timeoutOf(options, process.env);
    connected ??= begin(timeout);
    return connected;
  } catch (error) {
    return Promise.reject(error);
  }
}

async function begin(timeout: number): Promise<Ranks> {
  try {
    const launcher = launcherOf(process.env);
    const { name, ranks } = currentBackend();
    if (ranks) return await start(ranks, launcher, timeout);
    const why = name === "native" ? `there is no MPI for ${process.platform}` : `the backend in use is ${name}`;
    const wanted = launcher?.size ? `${launcher.size} ranks, as ${launcher.name} started` : "several ranks";
    return alone(launcher, `Expected ${wanted}, which takes the native backend on Linux or macOS, but ${why}.`);
  } catch (error) {
    connected = undefined;
    throw error;
  }
}
