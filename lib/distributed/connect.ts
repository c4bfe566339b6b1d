import { availableParallelism, cpus } from "node:os";
import { currentBackend } from "../backends/current.ts";
import type { BackendRanks, StartedRanks } from "../backends/ranks.ts";
import { OptimError } from "../errors.ts";
import { told } from "../host.ts";
import { show } from "../values/show.ts";
import { endTogether } from "./exit.ts";
import { type Launcher, launcherOf, librariesOf, wrongSize } from "./launcher.ts";
import { loneCommunicator, MpiCommunicator } from "./mpi.ts";
import { type MpiLibrary, Ranks } from "./ranks.ts";
import { type ConnectOptions, isTimeout, readTimeout } from "./timeout.ts";

const failure = (sentence: string) => new OptimError("ERR_RANKS", sentence);

/** The time-out that was asked for, or that the environment says. */
function timeoutOf(options: ConnectOptions, env: NodeJS.ProcessEnv): number {
  const text = told(() => env["RMSPROP_MPI_TIMEOUT"]);
  const timeout = readTimeout(options);
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
  const [, name, version] = /^\s*(.+?)(?:\s+version)?[\s:]+v?(\d[\w.]*)/i.exec(text) ?? [];
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
 * this process is one rank, alone, and no MPI is needed, nor loaded.
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
    // Some libraries start processes of their own, and end this one where they cannot: nobody has asked for that here.
    if (!launcher && !process.env["RMSPROP_MPI"]) return new Ranks(loneCommunicator, null);
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
