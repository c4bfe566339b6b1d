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

/** The functions of an object, by their names, those that have one name together. */
function functionsOf(object: string, nameOf: (symbol: string) => string | undefined): Map<string, Instruction[]> {
  const functions = new Map<string, Instruction[]>();
  let current: Instruction[] | undefined;
  for (const line of run("objdump", "--disassemble", "--demangle", "--no-show-raw-insn", object).split("\n")) {
    const symbol = /^[0-9a-f]+ <(.*)>:$/.exec(line)?.[1];
    if (symbol !== undefined) {
      const name = nameOf(symbol);
      current = name === undefined ? undefined : (functions.get(name) ?? []);
      if (name !== undefined && current) functions.set(name, current);
    } else if (current && /^\s+[0-9a-f]+:\t/.test(line)) {
      const [address, text] = line.split("\t") as [string, string];
      current.push({ address: Number.parseInt(address, 16), text });
    }
  }
  return functions;
}

const numberType = (name: string | undefined) => (name === "float" ? "float32" : "float64");

/**
 * The rule stage's kernels in an object: "rule type variant", as test/support/trace.ts names them, to its instructions, those
 * of the instantiations with neutral coefficients and of those that ask ahead among them.
 */
export const kernelsOf = (object: string): Map<string, Instruction[]> =>
  functionsOf(object, (symbol) => {
    const kernel = /step<(float|double), .*?(\w+), (\d+)ul, (?:true|false), (?:true|false)>/.exec(symbol);
    return kernel ? `${kernel[2]?.toLowerCase()} ${numberType(kernel[1])} ${kernel[3]}` : undefined;
  });

/** The functions that make gradients: "add", "divide" or "multiply", with the number type; what one calls is its own. */
export const gradientKernelsOf = (object: string): Map<string, Instruction[]> =>
  functionsOf(object, (symbol) => {
    const [, name, type] =
      /::(add_arrays|add_four|divide_by|multiply|make_block|add_rows|add_products)<(float|double)\b/.exec(symbol) ?? [];
    if (name === undefined) return undefined;
    const kernel = { add_arrays: "add", add_four: "addFour", divide_by: "divide" }[name] ?? "multiply";
    return `${kernel} ${numberType(type)}`;
  });
