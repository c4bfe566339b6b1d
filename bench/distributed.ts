// Steps over machines: network namespaces whose links are held to a rate, MPI's own launchers, and what PyTorch does on the same
// links in the same run. It takes root on Linux, ip and tc.
// npm run bench:distributed [-- --mpi openmpi,mpich --ranks 2,4 --rate 1000 --turns 3 --parts alone,steps,rest,model]
import { spawn } from "node:child_process";
import { cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { type Amounts, compareRest, compareSteps } from "./distributed/compare.ts";
import { findLaunchers, jsonOf, type Launcher, outputOf, python, rankProgram } from "./distributed/launch.ts";
import { Machines } from "./distributed/machines.ts";
import { compareModel } from "./distributed/model.ts";

const { values } = parseArgs({
  options: {
    mpi: { type: "string", default: "openmpi,mpich" },
    ranks: { type: "string", default: "2,4" },
    rate: { type: "string", default: "1000" },
    elements: { type: "string", default: String(2 ** 22) },
    rounds: { type: "string", default: "7" },
    turns: { type: "string", default: "3" },
    parts: { type: "string", default: "alone,steps,rest,model" },
  },
});
const amounts: Amounts = {
  rate: Number(values.rate),
  elements: Number(values.elements),
  rounds: Number(values.rounds),
  turns: Number(values.turns),
};
const parts = new Set(values.parts.split(","));
const start = performance.now();
const progress = (what: string) =>
  console.error(`${((performance.now() - start) / 1000).toFixed(0).padStart(4)} s  ${what}`);

/** A step of one rank that no launcher started. */
async function alone(): Promise<void> {
  progress("one rank");
  const program = [rankProgram, "one", String(amounts.elements), String(3 * amounts.rounds)];
  const child = spawn(process.execPath, program, { stdio: ["ignore", "pipe", "pipe"] });
  const { ratio } = jsonOf<{ ratio: number }>(await outputOf(child, "one rank"));
  console.log(`One rank, one bucket: ${ratio.toFixed(3)} of the plain stepAsync() (aim 1.1)`);
}

console.log(
  `${cpus().length} CPUs, ${cpus()[0]?.model.trim()}, Node ${process.version}, load ${loadavg()[0]?.toFixed(1)}`,
);
const { found: launchers, missing } = findLaunchers(values.mpi.split(","));
for (const reason of missing) console.log(`missing: ${reason}`);
if (!python) console.log("missing: no python3 has torch.distributed");
if (launchers.length === 0) throw new Error("Expected a launcher of MPI, but none that was asked for is there.");
if (parts.has("alone")) await alone();
for (const count of parts.has("steps") || parts.has("rest") ? values.ranks.split(",").map(Number) : []) {
  const machines = new Machines(count, amounts.rate);
  try {
    if (parts.has("steps")) await compareSteps(machines, launchers, amounts, progress);
    if (parts.has("rest")) await compareRest(machines, launchers, amounts, progress);
  } finally {
    machines.close();
  }
}
if (parts.has("model")) await compareModel(launchers[0] as Launcher, amounts.rounds, progress);
console.log(`load ${loadavg()[0]?.toFixed(1)}`);
