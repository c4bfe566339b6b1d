// The bit tests of bare rules on other platforms (programs/bits.ts), against the reference on this one.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { rolldown } from "rolldown";
import { wasmFile } from "./packed.ts";
import { expectEqual, shorten } from "./report.ts";
import { type Command, type RunOptions, root, run, succeed, work } from "./shell.ts";
import { node } from "./tools.ts";

export type Extent = "whole" | "short";

let program: string | undefined;

/** The program, bundled, so that any runtime runs it as it is. */
export async function bitsProgram(): Promise<string> {
  if (program) return program;
  const input = join(root, "test/platforms/programs/bits.ts");
  // The binaries stay where they are; the kernels in WebAssembly come along, where they are built.
  const external = existsSync(join(root, wasmFile)) ? [/\.node$/] : [/\.node$/, /kernels\.js$/];
  const bundle = await rolldown({ input, external, platform: "node" });
  const file = join(work, "bits.mjs");
  await bundle.write({ file, format: "esm" });
  await bundle.close();
  program = file;
  return file;
}

/** Lines without their instruction set. */
const bare = (lines: readonly string[]) => lines.map((line) => line.slice(line.indexOf(" ") + 1));

const linesOf = (text: string) => text.split(/\r?\n/).filter((line) => line !== "");

const references = new Map<Extent, readonly string[]>();

async function reference(extent: Extent): Promise<readonly string[]> {
  const present = references.get(extent);
  if (present) return present;
  const { stdout } = succeed(node, [await bitsProgram(), "reference", extent], { timeout: 600 });
  const lines = bare(linesOf(stdout));
  const different = new Set(lines.map((line) => line.split(" ").at(-1))).size;
  // Some variants are of the same arithmetic for one number type.
  if (different < lines.length / 2) throw new Error(`Expected different digests, found ${different}.`);
  references.set(extent, lines);
  return lines;
}

export interface BitsOptions extends RunOptions {
  readonly backend?: "native" | "wasm";
  /** Those that must be there, best first. */
  readonly isas: readonly string[];
  /** The program's path as the runtime names it. */
  readonly place?: (program: string) => string;
}

/** Runs the bit tests on a runtime; every instruction set must leave the reference's bits. */
export async function checkBits(runtime: Command, extent: Extent, options: BitsOptions): Promise<string> {
  const { backend = "native", isas, place = (path) => path, ...rest } = options;
  const expected = await reference(extent);
  const file = place(await bitsProgram());
  const { status, stdout, stderr } = run(runtime, [file, backend, extent], { timeout: 600, ...rest });
  if (status !== 0) throw new Error(`The bit tests ended with ${status}:\n${shorten(stderr)}\n${shorten(stdout)}`);
  const byIsa = new Map<string, string[]>();
  for (const line of linesOf(stdout)) {
    const isa = line.slice(0, line.indexOf(" "));
    byIsa.set(isa, [...(byIsa.get(isa) ?? []), line]);
  }
  expectEqual([...byIsa.keys()], isas, "the instruction sets");
  const rounds = backend === "native" ? 2 : 1; // for arrays in caches, and for those beyond them
  for (const [isa, lines] of byIsa) {
    const found = bare(lines);
    expectEqual(found.length, rounds * expected.length, `${isa}: the number of digests`);
    const wrong = found.filter((line, i) => line !== expected[i % expected.length]);
    if (wrong.length > 0) throw new Error(`${isa}: ${wrong.length} of ${found.length} differ, first ${wrong[0]}`);
  }
  return `${[...byIsa.keys()].join(", ")}: ${rounds * expected.length} equal digests each`;
}
