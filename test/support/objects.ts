import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { root } from "./compile.ts";

/** native/build.json, the list that both builds read. */
export const buildList = JSON.parse(readFileSync(join(root, "native", "build.json"), "utf8")) as {
  sources: string[];
  kernelSource: string;
  flags: string[];
  kernelFlags: string[];
  defines: string[];
  instructionSets: Record<string, Record<string, string[]>>;
};

/** The instruction sets that this machine's architecture has objects for. */
export const objectSets = Object.keys(buildList.instructionSets[process.arch] ?? {});

/** Where node-gyp puts the object of an instruction set, on systems that build with make. */
export const kernelObject = (isa: string) =>
  join(root, "build", "Release", "obj.target", `kernels_${isa}`, "native", "kernels", "kernels.o");

/** Where it keeps the command that made that object. */
export const kernelCommand = (isa: string) =>
  join(root, "build", "Release", ".deps", relative(join(root, "build"), `${kernelObject(isa)}.d`));

/** Whether the objects and the programs that read them are there. */
export const canDisassemble =
  objectSets.length > 0 &&
  objectSets.every((isa) => existsSync(kernelObject(isa))) &&
  ["nm", "objdump"].every((program) => spawnSync(program, ["--version"]).status === 0);

const run = (program: string, ...args: string[]) =>
  execFileSync(program, args, { encoding: "utf8", maxBuffer: 2 ** 28 });

/** The symbols that an object offers and those that it needs, demangled. */
export function interfaceOf(object: string): { offers: string[]; needs: string[] } {
  const names = (...args: string[]) =>
    run("nm", "--demangle", ...args, object)
      .split("\n")
      .map((line) => line.replace(/^[0-9a-f]*\s+\S\s+/, "").trim())
      .filter((name) => name !== "");
  return { offers: names("--extern-only", "--defined-only"), needs: names("--undefined-only") };
}

export interface Instruction {
  /** From the start of its section. */
  readonly address: number;
  readonly text: string;
}

/** Where the innermost loops that hold such an instruction begin. */
export function loopsWith(code: readonly Instruction[], instruction: RegExp): number[] {
  const backwards = code.flatMap(({ address, text }) => {
    const target = Number.parseInt(/^j\w+\s+([0-9a-f]+)\b/.exec(text)?.[1] ?? "", 16);
    return target <= address ? [{ from: target, to: address }] : [];
  });
  return backwards
    .filter(({ from, to }) => !backwards.some((other) => other.to < to && other.to > from))
    .filter(({ from, to }) =>
      code.some(({ address, text }) => address >= from && address <= to && instruction.test(text)),
    )
    .map(({ from }) => from);
}

/**
 * The rule stage's kernels in an object: "rule type variant", as test/support/trace.ts names them, to its instructions, those
 * of the instantiations with neutral coefficients and of those that ask ahead among them.
 */
export function kernelsOf(object: string): Map<string, Instruction[]> {
  const kernels = new Map<string, Instruction[]>();
  let current: Instruction[] | undefined;
  for (const line of run("objdump", "--disassemble", "--demangle", "--no-show-raw-insn", object).split("\n")) {
    const symbol = /^[0-9a-f]+ <(.*)>:$/.exec(line)?.[1];
    if (symbol !== undefined) {
      const kernel = /step<(float|double), .*?(\w+), (\d+)ul, (?:true|false), (?:true|false)>/.exec(symbol);
      current = undefined;
      if (kernel) {
        const [, type, rule, variant] = kernel as unknown as [string, string, string, string];
        const key = `${rule.toLowerCase()} ${type === "float" ? "float32" : "float64"} ${variant}`;
        current = kernels.get(key) ?? [];
        kernels.set(key, current);
      }
    } else if (current && /^\s+[0-9a-f]+:\t/.test(line)) {
      const [address, text] = line.split("\t") as [string, string];
      current.push({ address: Number.parseInt(address, 16), text });
    }
  }
  return kernels;
}
