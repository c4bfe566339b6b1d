// Steps over machines: network namespaces whose links are held to a rate, MPI's own launchers, and what PyTorch does on the same
// links in the same run. It takes root on Linux, ip and tc. npm run bench:distributed [-- --ranks 2,4 --rate 1000 --turns 3]
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { cpus, loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Machines } from "./distributed/machines.ts";
import { median } from "./median.ts";

const { values } = parseArgs({
  options: {
    ranks: { type: "string", default: "2,4" },
    rate: { type: "string", default: "1000" },
    elements: { type: "string", default: String(2 ** 22) },
    rounds: { type: "string", default: "7" },
    turns: { type: "string", default: "3" },
  },
});
const [rate, elements, rounds, turns] = [values.rate, values.elements, values.rounds, values.turns].map(Number) as [
  number,
  number,
  number,
  number,
];
const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
/** What is not compiled lies in bench/, beside what is. */
const source = (path: string) => fileURLToPath(new URL(`../../../bench/distributed/${path}`, import.meta.url));
/** What a program prints, once it has ended well. */
function outputOf(child: ChildProcess, what: string): Promise<string> {
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
function jsonOf<T>(output: string): T {
  const line = output
    .split("\n")
    .map((each) => each.trim())
    .findLast((each) => each.startsWith("{") || /^[\d.]+$/.test(each));
  if (line === undefined) throw new Error(`Expected a line of JSON, but found:\n${output}`);
  return JSON.parse(line) as T;
}

const python = ["/usr/bin/python3", "python3"].find(
  (each) => spawnSync(each, ["-c", "import torch.distributed"]).status === 0,
);

interface Launcher {
  readonly name: string;
  readonly command: string;
  args(machines: Machines): readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

const known: readonly Launcher[] = [
  {
    name: "Open MPI",
    command: "mpirun.openmpi",
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
    name: "MPICH",
    command: "mpirun.mpich",
    args: ({ addresses }) => [
      ...["-n", String(addresses.length), "-hosts", addresses.join(), "-iface", "eth0"],
      ...["-launcher", "ssh", "-launcher-exec", source("agent.sh")],
    ],
    env: { UCX_TLS: "tcp,self", UCX_NET_DEVICES: "eth0" },
  },
];
const launchers = known.filter(({ command }) => spawnSync(command, ["--version"]).status === 0);

async function ours<T>(machines: Machines, launcher: Launcher, part: string): Promise<T> {
  const program = [process.execPath, here("./distributed/rank.js"), part, String(elements), String(rounds)];
  const child = machines.spawn(1, launcher.command, [...launcher.args(machines), ...program], {
    env: { ...process.env, ...launcher.env, RMSPROP_MACHINES: machines.prefix },
    stdio: ["ignore", "pipe", "pipe"],
  });
  return jsonOf(await outputOf(child, `${launcher.name}'s ${part}`));
}

interface Rounds {
  readonly seconds: readonly number[];
}

async function gloo(machines: Machines, form: string): Promise<Rounds> {
  const children = machines.addresses.map((_, i) => {
    const args = [source("gloo.py"), form, String(i), String(machines.count), machines.address(1)];
    return machines.spawn(i + 1, python as string, [...args, String(elements), String(rounds)], {
      stdio: ["ignore", "pipe", "pipe"],
    });
  });
  const outputs = await Promise.all(children.map((child) => outputOf(child, `PyTorch's ${form}`)));
  return jsonOf(outputs[0] as string);
}

/** The payload of the link, in bytes a second and direction. */
async function payloadOf(machines: Machines): Promise<number> {
  const program = here("./distributed/link.js");
  const server = machines.spawn(2, process.execPath, [program, "serve"], { stdio: ["ignore", "pipe", "inherit"] });
  await new Promise((resolve) => server.stdout?.once("data", resolve));
  const bytes = String(rate * 25_000); // for a fifth of a second
  const client = machines.spawn(1, process.execPath, [program, "measure", machines.address(2), bytes], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  return jsonOf<number>(await outputOf(client, "the link's measurement"));
}

interface Stepped extends Rounds {
  readonly bytes: number;
}

async function compare(count: number): Promise<void> {
  const machines = new Machines(count, rate);
  try {
    const least = (2 * (count - 1) * 4 * elements) / count; // bytes a rank
    const payloads: number[] = [];
    const times = new Map<string, number[]>();
    const note = (name: string, { seconds }: Rounds) => times.set(name, [...(times.get(name) ?? []), ...seconds]);
    const bytes = new Map<string, number[]>();
    for (let turn = 0; turn < turns; turn++) {
      payloads.push(await payloadOf(machines));
      for (const launcher of launchers) {
        const result = await ours<Stepped>(machines, launcher, "step");
        note(launcher.name, result);
        bytes.set(launcher.name, [...(bytes.get(launcher.name) ?? []), result.bytes]);
      }
      if (!python) continue;
      note("PyTorch, all-reduce", await gloo(machines, "whole"));
      note("PyTorch, ZeRO-1", await gloo(machines, "zero"));
    }
    const limit = least / median(payloads);
    console.log(
      `\n${count} ranks, ${elements} elements, momentum, ${rate} Mbit/s: the link allows ${((1e9 * limit) / elements).toFixed(1)} ns an element`,
    );
    const of = (name: string) => median(times.get(name) ?? [Number.NaN]);
    for (const name of times.keys()) {
      const time = of(name);
      const row = [
        name.padEnd(20),
        `${((1e9 * time) / elements).toFixed(1).padStart(6)} ns`,
        `${(time / limit).toFixed(3)} of the limit`,
      ];
      const sent = bytes.get(name);
      if (sent) {
        row.push(`${(median(sent) / least).toFixed(4)} of the bytes`);
        row.push(`${(time / of("PyTorch, all-reduce")).toFixed(3)} of PyTorch's all-reduce`);
        row.push(`${(time / of("PyTorch, ZeRO-1")).toFixed(3)} of its ZeRO-1`);
      }
      console.log(row.join("  "));
    }
    for (const launcher of launchers) {
      const { alone, left } = await ours<{ alone: number; left: number }>(machines, launcher, "behind");
      console.log(
        `${launcher.name}: behind a backward pass ${(1000 * left).toFixed(2)} ms are left of ${(1000 * alone).toFixed(1)}, ${(left / alone).toFixed(4)}`,
      );
      const { idle, stepping } = await ours<{ idle: number; stepping: number }>(machines, launcher, "loop");
      console.log(
        `${launcher.name}: 1 of 100 turns of the event loop is later than ${stepping.toFixed(2)} ms, idle ${idle.toFixed(2)}, ${(stepping / idle).toFixed(2)}`,
      );
    }
  } finally {
    machines.close();
  }
}

/** A step of one rank that no launcher started. */
async function alone(): Promise<void> {
  const program = [here("./distributed/rank.js"), "one", String(elements), String(3 * rounds)];
  const child = spawn(process.execPath, program, { stdio: ["ignore", "pipe", "pipe"] });
  const { ratio } = jsonOf<{ ratio: number }>(await outputOf(child, "one rank"));
  console.log(`One rank, one bucket: ${ratio.toFixed(3)} of the plain stepAsync()`);
}

console.log(
  `${cpus().length} CPUs, ${cpus()[0]?.model.trim()}, Node ${process.version}, load ${loadavg()[0]?.toFixed(1)}`,
);
if (launchers.length === 0) throw new Error("Expected mpirun.openmpi or mpirun.mpich, but neither is there.");
if (!python) console.log("missing: no python3 has torch.distributed");
await alone();
for (const count of values.ranks.split(",")) await compare(Number(count));
console.log(`load ${loadavg()[0]?.toFixed(1)}`);
