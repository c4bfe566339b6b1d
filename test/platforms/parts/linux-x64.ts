// Linux on x64: each instruction set of the binary that the package holds, and which one a lesser CPU gets.

import { checkBits } from "../bits.ts";
import { binary, installed } from "../packed.ts";
import { check, expectEqual } from "../report.ts";
import { type Command, succeed } from "../shell.ts";
import { smokeIn } from "../smoke.ts";
import { debian, node } from "../tools.ts";
import type { Settings } from "./all.ts";

/** Best first. */
const sets = ["avx512", "avx2", "sse2"] as const;

/** What this CPU runs of them, as Linux says. */
export function isasHere(): string[] {
  const flags = new Set(succeed(["grep", "-m1", "^flags", "/proc/cpuinfo"], []).stdout.split(/\s+/));
  const needs = { avx512: ["avx512f", "avx512dq", "avx512bw", "avx512vl"], avx2: ["avx2", "fma"], sse2: ["sse2"] };
  return sets.filter((set) => needs[set].every((flag) => flags.has(flag)));
}

/** What qemu gives of them: it has no AVX-512. */
const cpus = { Nehalem: "sse2", Haswell: "avx2" };

export async function linuxX64({ extent }: Settings): Promise<void> {
  const isas = isasHere();
  await check(`linux-x64-glibc: bits (${extent})`, () => {
    const env = { RMSPROP_NATIVE_PATH: binary("linux-x64-glibc") };
    return checkBits(node, extent, { env, isas });
  });
  const folder = await installed("linux-x64");
  for (const isa of isas) {
    await check(`linux-x64-glibc: smoke, RMSPROP_ISA=${isa}`, async () => {
      binary("linux-x64-glibc");
      return smokeIn(folder, node, { env: { RMSPROP_ISA: isa } }, { isa });
    });
  }
  for (const [cpu, isa] of Object.entries(cpus)) {
    await check(`linux-x64-glibc: the instruction set of a ${cpu}`, () => {
      const emulated: Command = [debian("qemu-x86_64-static", "qemu-user-static"), "-cpu", cpu, process.execPath];
      const program = `import("rmsprop").then(({ backend }) => console.log(backend.name, backend.isa))`;
      // Its warnings of features that it lacks are its own.
      const { stdout } = succeed(emulated, ["-e", program], { cwd: folder, env: { RMSPROP_NUM_THREADS: "1" } });
      expectEqual(stdout.trim(), `native ${isa}`, "backend and instruction set");
      return isa;
    });
  }
}
