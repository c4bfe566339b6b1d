// The smoke test of an installed package (programs/whole.js), and what it must print.
import { join } from "node:path";
import { installed } from "./packed.ts";
import { expectEqual, expectMatch, shorten } from "./report.ts";
import { type Command, type Ending, type RunOptions, run } from "./shell.ts";
import { node } from "./tools.ts";

export interface Smoke {
  readonly backend: string;
  readonly isa: string;
  readonly fallbackReason?: string;
  readonly memory: "own" | "shared";
  readonly digests: Readonly<Record<string, string>>;
}

let reference: string | undefined;

/** The digests of the TypeScript reference on this Node, which all others must equal. */
async function expectedDigests(): Promise<string> {
  if (reference) return reference;
  const folder = await installed("reference");
  const ending = run(node, [join(folder, "whole.mjs")], { cwd: folder, env: { RMSPROP_BACKEND: "reference" } });
  const smoke = parse(ending);
  expectEqual(smoke.backend, "reference", "the backend of the reference");
  reference = JSON.stringify(smoke.digests);
  if (new Set(Object.values(smoke.digests)).size < 40) throw new Error("Expected different digests of many cases.");
  return reference;
}

function parse({ status, stdout, stderr }: Ending): Smoke {
  const line = stdout.trim().split("\n").at(-1) ?? "";
  if (status !== 0 || !line.startsWith("{")) {
    throw new Error(`The program ended with ${status}:\n${shorten(stderr)}\n${shorten(stdout)}`);
  }
  return JSON.parse(line);
}

export interface Expected {
  /** Default "native". */
  readonly backend?: string;
  readonly isa?: string;
  /** The one warning that there is, with its code and what it names. Default: stderr stays empty. */
  readonly warning?: { readonly code: string; readonly cause: RegExp };
}

/** Checks what the program printed. Returns what is worth printing. */
export async function checkSmoke(ending: Ending, expected: Expected = {}): Promise<string> {
  const { backend = "native", isa, warning } = expected;
  const smoke = parse(ending);
  const what = [smoke.fallbackReason, ending.stderr].filter(Boolean).join("\n");
  if (smoke.backend !== backend) throw new Error(`Expected to run on ${backend}, found ${smoke.backend}: ${what}`);
  if (isa !== undefined) expectEqual(smoke.isa, isa, "the instruction set");
  expectEqual(JSON.stringify(smoke.digests), await expectedDigests(), "the digests");
  if (warning) {
    expectMatch(ending.stderr, new RegExp(`\\[?${warning.code}\\]?`), "the warning");
    expectMatch(ending.stderr, warning.cause, "the warning");
    expectEqual(ending.stderr.match(/Warning: /g)?.length, 1, `the number of warnings in ${ending.stderr}`);
    expectMatch(smoke.fallbackReason ?? "", warning.cause, "backend.fallbackReason");
  } else {
    expectEqual(ending.stderr.trim(), "", "stderr");
  }
  return `${smoke.backend}, ${smoke.isa}, ${Object.keys(smoke.digests).length} equal digests`;
}

/** Runs the smoke test, or another program that prints what it does, in a folder where the package is installed. */
export function smokeIn(
  folder: string,
  runtime: Command,
  { program = "whole", ...options }: RunOptions & { readonly program?: string } = {},
  expected: Expected = {},
): Promise<string> {
  return checkSmoke(run(runtime, [join(folder, `${program}.mjs`)], { cwd: folder, ...options }), expected);
}
