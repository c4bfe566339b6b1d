import type { Backend } from "../backends/backend.ts";
import { useBackend } from "../backends/current.ts";
import { backendsHere } from "../backends/select.ts";
import { rules } from "../rules/all.ts";
import { readArguments } from "./arguments.ts";
import { type BitsCase, bitsCases } from "./bits-cases.ts";
import { digestOf } from "./bits-run.ts";
import table from "./bits-table.json" with { type: "json" };
import { type Machine, machine } from "./machine.ts";
import { print } from "./output.ts";

const help = `usage: rmsprop bits [--json] [--reference] [--only TEXT]

Takes 300 steps with every preset, stage and schedule, on every backend and instruction set that loads here, over inputs
that are the same everywhere, and compares the SHA-256 of what each leaves with the table of this version. They are equal
on every machine. Where one is not, the exit code is 1 and a line says what to report.

  --json       the same as one JSON object, with every SHA-256
  --reference  on the TypeScript reference too, from which the table was made; that takes longer. It is taken anyway where
               no other backend loads
  --only       the cases alone whose names contain a text, in large or small letters`;

type Digests = Readonly<Record<string, string>>;

/** What one backend left. */
export interface BitsOf {
  readonly backend: Backend["name"];
  readonly isa: string;
  readonly digests: Digests;
  /** The cases whose digest is not the table's. */
  readonly different: readonly string[];
}

/** What --json prints. */
export interface Bits extends Machine {
  readonly backends: readonly BitsOf[];
  /** Why a backend is not among them. */
  readonly missing: Readonly<Record<string, string>>;
  readonly exitCode: number;
}

/** Takes the steps of every case on a backend, and compares what they leave with a table. */
export function bitsOf(backend: Backend, cases: readonly BitsCase[], published: Digests): BitsOf {
  useBackend(backend);
  const digests = Object.fromEntries(cases.map((one) => [one.name, digestOf(one)]));
  const different = cases.map(({ name }) => name).filter((name) => digests[name] !== published[name]);
  return { backend: backend.name, isa: backend.isa, digests, different };
}

const titleOf = ({ backend, isa }: BitsOf) => (backend === "native" ? `native ${isa}` : backend);

/** What somebody can send who found another digest: everything that is needed to find the reason. */
function reportLine({ version, runtime, platform, processor }: Machine, of: BitsOf, name: string): string {
  const where = [`rmsprop ${version}`, titleOf(of), runtime, platform, processor].join(" · ");
  return `${where} · ${name} · expected ${(table as Digests)[name]} · found ${of.digests[name]}`;
}

/** One backend for each instruction set. `doctor` looks at the loops for arrays beyond caches too. */
const oneOfEach = (backends: readonly Backend[]) => [
  ...new Map(backends.map((backend) => [`${backend.name} ${backend.isa}`, backend])).values(),
];

const most = 5;

/**
 * `rmsprop bits`.
 * @returns the exit code
 */
export function bits(args: readonly string[]): number {
  const given = readArguments(args, help, {
    json: { type: "boolean" },
    reference: { type: "boolean" },
    only: { type: "string" },
  });
  if (typeof given === "number") return given;
  const { json = false, only = "" } = given.values;
  const part = only.toLowerCase();
  const where = machine();
  const cases = bitsCases().filter(({ name }) => name.toLowerCase().includes(part));
  if (cases.length === 0) {
    console.error(`Expected the name of a case to contain ${JSON.stringify(only)}, but none does.\n${help}`);
    return 2;
  }
  const { others, reference, missing } = backendsHere(rules);
  const slow = given.values.reference || others.length === 0 ? [reference] : [];
  const found = [...oneOfEach(others), ...slow].map((backend) => {
    const of = bitsOf(backend, cases, table);
    if (json) return of;
    const right = cases.length - of.different.length;
    print(`${titleOf(of).padEnd(16)}${right} of ${cases.length} are the published bits`);
    return of;
  });
  const wrong = found.flatMap((of) => of.different.map((name) => reportLine(where, of, name)));
  const exitCode = wrong.length > 0 ? 1 : 0;
  if (json) {
    print(JSON.stringify({ ...where, backends: found, missing, exitCode } satisfies Bits, null, 2));
    return exitCode;
  }
  for (const [name, reason] of Object.entries(missing)) print(`${name.padEnd(16)}not there: ${reason}`);
  if (exitCode === 0) return 0;
  print(
    `\nPlease report ${wrong.length === 1 ? "this line" : "these lines"}: a result depends on the machine, which it must not.`,
  );
  for (const line of wrong.slice(0, most)) print(line);
  if (wrong.length > most) print(`and ${wrong.length - most} more`);
  return exitCode;
}
