// Programs on machines, as MPI's launchers and PyTorch start them.
import { type ChildProcess, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { payloadAtBest } from "../../lib/cli/cost-model.ts";
import type { Machines } from "./machines.ts";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
/** What is not compiled lies in bench/ alone: this file may be that there, or what is compiled of it into build/tools/. */
const sources = import.meta.url.includes("/build/tools/") ? "../../../../bench/distributed/" : "./";
const source = (path: string) => here(`${sources}${path}`);

/** The program of a rank. */
export const rankProgram = here("./rank.js");

export interface Launcher {
  readonly name: string;
  /** As `--mpi` names it. */
  readonly key: string;
  readonly command: string;
  args(machines: Machines): readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** The most that a step is to take, of what the link allows. */
  readonly aim: number;
}

const known: readonly Launcher[] = [
  {
    ...{ name: "Open MPI", key: "openmpi", command: "mpirun.openmpi", aim: 1.1 },
    args: ({ addresses }) => [
      "--allow-run-as-root",
      ...["--mca", "plm", "rsh"],
      ...["--bind-to", "none", "-n", String(addresses.length), "--host", addresses.map((each) => `${each}:1`).join()],
      ...["--mca", "plm_rsh_agent", source("agent.sh"), "--mca", "btl", "tcp,self"],
      ...["--mca", "btl_tcp_if_include", "eth0", "--mca", "oob_tcp_if_include", "eth0"],
      ...["-x", "RMSPROP_MACHINES"],
    ],
    env: {},
  },
  {
    ...{ name: "MPICH", key: "mpich", command: "mpirun.mpich", aim: 1.3 },
    args: ({ addresses }) => [
      ...["-n", String(addresses.length), "-hosts", addresses.join(), "-iface", "eth0"],
      ...["-launcher", "ssh", "-launcher-exec", source("agent.sh")],
    ],
    env: { UCX_TLS: "tcp,self", UCX_NET_DEVICES: "eth0" },
  },
];

const isThere = ({ command }: Launcher) => spawnSync(command, ["--version"]).status === 0;

/** The launchers that were asked for and are there, and why others are not. */
export function findLaunchers(keys: readonly string[]): { found: readonly Launcher[]; missing: readonly string[] } {
  const strangers = keys.filter((key) => !known.some((launcher) => launcher.key === key));
  if (strangers.length > 0) {
    const names = known.map(({ key }) => key).join(", ");
    throw new Error(`Expected --mpi to name some of ${names}, but found ${strangers.join(", ")}.`);
  }
  const asked = known.filter(({ key }) => keys.includes(key));
  return {
    found: asked.filter(isThere),
    missing: asked
      .filter((launcher) => !isThere(launcher))
      .map(({ name, command }) => `${name}: there is no ${command}`),
  };
}

/** What a program prints, once it has ended well. */
export function outputOf(child: ChildProcess, what: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let [output, errors] = ["", ""];
    child.stdout?.on("data", (data) => {
      output += data;
    });
    child.stderr?.on("data", (data) => {
      errors += data;
    });
    child.on("error", reject);
    child.on("close", (code, signal) => {
      if (code === 0) resolve(output);
      else reject(new Error(`Expected ${what} to end well, but it ended with ${signal ?? code}.\n${output}${errors}`));
    });
  });
}

/** The last line that is JSON. */
export function jsonOf<T>(output: string): T {
  const line = output
    .split("\n")
    .map((each) => each.trim())
    .findLast((each) => each.startsWith("{") || /^[\d.]+$/.test(each));
  if (line === undefined) throw new Error(`Expected a line of JSON, but found:\n${output}`);
  return JSON.parse(line) as T;
}

/** What a part of the program of ranks measures: rank.ts has them. */
export async function ours<T>(
  machines: Machines,
  launcher: Launcher,
  part: string,
  numbers: readonly number[],
): Promise<T> {
  const program = [process.execPath, rankProgram, part, ...numbers.map(String)];
  const child = machines.spawn(1, launcher.command, [...launcher.args(machines), ...program], {
    env: { ...process.env, ...launcher.env, RMSPROP_MACHINES: machines.prefix },
    stdio: ["ignore", "pipe", "pipe"],
  });
  return jsonOf(await outputOf(child, `${launcher.name}'s ${part}`));
}

export interface Rounds {
  readonly seconds: readonly number[];
}

/** Debian's, or another, that has torch.distributed. */
export const python = ["/usr/bin/python3", "python3"].find(
  (each) => spawnSync(each, ["-c", "import torch.distributed"]).status === 0,
);

/** What PyTorch takes for its rounds, over gloo: gloo.py has the forms. Once in many runs it crashes as it ends: it has a second try. */
export async function gloo(machines: Machines, form: string, numbers: readonly number[]): Promise<Rounds> {
  const run = async () => {
    const children = machines.addresses.map((_, i) => {
      const args = [source("gloo.py"), form, String(i), String(machines.count), machines.address(1)];
      return machines.spawn(i + 1, python as string, [...args, ...numbers.map(String)], {
        stdio: ["ignore", "pipe", "pipe"],
      });
    });
    // All have ended before anything else is measured.
    const endings = await Promise.allSettled(children.map((child) => outputOf(child, `PyTorch's ${form}`)));
    return endings.map((ending) => {
      if (ending.status === "rejected") throw ending.reason;
      return ending.value;
    });
  };
  const outputs = await run().catch(run);
  return jsonOf(outputs[0] as string);
}

/** The payload of links of a rate in Mbit/s while all are used at once, measured for some seconds: bytes a second and direction. */
export async function payloadOf(machines: Machines, rate: number): Promise<number> {
  const bytes = String(rate * 50_000);
  const children = machines.addresses.map((_, i) => {
    const args = [here("./link.js"), String(i), bytes, ...machines.addresses];
    return machines.spawn(i + 1, process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  });
  const [first] = await Promise.all(children.map((child) => outputOf(child, "the links' measurement")));
  // Ends of exchanges are not the same for all machines, which can make it a little more than there is.
  return Math.min(jsonOf<number>(first as string), payloadAtBest(rate * 1e6));
}
