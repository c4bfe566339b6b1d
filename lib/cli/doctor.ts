import { createRequire } from "node:module";
import type { BackendInfo } from "../backends/current.ts";
import { type BackendsHere, backendsHere, selectBackend } from "../backends/select.ts";
import type { Difference } from "../backends/signatures.ts";
import { rules } from "../rules/all.ts";
import { messageOf, readArguments } from "./arguments.ts";
import { type Bandwidth, measureBandwidth } from "./bandwidth.ts";
import { type Machine, machine } from "./machine.ts";
import { print } from "./output.ts";
import { byInstructionSet, listed, type SelfTest, selfTest } from "./self-test.ts";

const help = `usage: rmsprop doctor [--json]

Says what the library runs on here and why, measures memory as its steps see it, and compares every kernel of every backend
that loads with the reference, bit for bit. It takes a few seconds.

  --json    the same as one JSON object

Exit codes: 0 all is well; 1 a kernel leaves other bits, or the backend that the environment asks for cannot run; 2 it was
called wrongly; 3 the results are right, but the native backend did not load.`;

/** The reason why something is not there, and the difference where it is of another version. */
type Missing = { readonly missing: string } & Partial<Difference>;

/** The doctor's findings; --json prints them. */
export interface Findings extends Machine {
  /** The library's variables, where they are set. */
  readonly environment: Readonly<Record<string, string>>;
  /** The backend in use, or the reason why none is. */
  readonly backend: Omit<BackendInfo, "setThreads"> | { readonly error: string };
  /** The native binary and its instruction sets for this processor, best first, or the reason why there is none. */
  readonly native: { readonly file: string | null; readonly isas: readonly string[] } | Missing;
  /** The reason why WebAssembly is not there, or null. */
  readonly wasm: Missing | null;
  readonly memory: Bandwidth | { readonly error: string };
  readonly selfTest: readonly SelfTest[];
  readonly exitCode: number;
}

/** The binary that this process has loaded, if the runtime tells. */
function loadedBinary(): string | null {
  const { cache } = createRequire(import.meta.url);
  return (
    Object.keys(cache ?? {}).find((file) => /\brmsprop(\.\w+)?\.node$/.test(file)) ??
    process.env.RMSPROP_NATIVE_PATH ??
    null
  );
}

/** The result of `of`, or its error as a finding. */
function attempt<T>(of: () => T): T | { readonly error: string } {
  try {
    return of();
  } catch (error) {
    return { error: messageOf(error) };
  }
}

function nativeFinding({ others, missing, stale }: BackendsHere): Findings["native"] {
  if (missing.native !== undefined) return { missing: missing.native, ...stale.native };
  const isas = new Set(others.filter(({ name }) => name === "native").map(({ isa }) => isa));
  return { file: loadedBinary(), isas: [...isas] };
}

function exitCodeOf(backend: Findings["backend"], tests: readonly SelfTest[]): number {
  if ("error" in backend || tests.some(({ different }) => different.length > 0)) return 1;
  return backend.fallbackReason === undefined ? 0 : 3;
}

/** Examines this machine. `tell` gets each section as it is found, because a broken binary may end the process. */
function examine(tell: (found: Partial<Findings>) => void): Findings {
  const environment = Object.entries(process.env).filter(([name]) => name.startsWith("RMSPROP_"));
  const told = <T extends Partial<Findings>>(found: T): T => {
    tell(found);
    return found;
  };
  const system = told({ ...machine(), environment: Object.fromEntries(environment) as Record<string, string> });
  const info = attempt(() => selectBackend(rules, process.env, () => {}));
  const backend =
    "error" in info
      ? info
      : { name: info.name, isa: info.isa, threads: info.threads, fallbackReason: info.fallbackReason };
  const here = backendsHere(rules);
  const { wasm } = here.missing;
  const found = told({
    backend,
    native: nativeFinding(here),
    wasm: wasm === undefined ? null : { missing: wasm, ...here.stale.wasm },
  });
  const memory = told({
    memory: "error" in info ? { error: "no backend is in use" } : attempt(() => measureBandwidth(info)),
  });
  const tested = told({ selfTest: byInstructionSet(selfTest(rules, here)) });
  return { ...system, ...found, ...memory, ...tested, exitCode: exitCodeOf(backend, tested.selfTest) };
}

function linesOf(found: Partial<Findings>): string[] {
  const { version, runtime, platform, processor, environment, backend, native, wasm, memory, selfTest: tests } = found;
  const lines: (readonly [string, string])[] = [];
  if (version) lines.push(["rmsprop", version]);
  if (runtime) lines.push(["runtime", runtime]);
  if (platform) lines.push(["platform", `${platform}, ${processor}`]);
  for (const [name, value] of Object.entries(environment ?? {})) lines.push(["environment", `${name}=${value}`]);
  if (backend) {
    if ("error" in backend) lines.push(["in use", `nothing: ${backend.error}`]);
    else {
      const { name, isa, threads, fallbackReason } = backend;
      lines.push(["in use", `${name}, ${isa}, ${threads} ${threads === 1 ? "thread" : "threads"}`]);
      if (fallbackReason !== undefined) lines.push(["because", fallbackReason]);
    }
  }
  if (native) {
    if ("missing" in native) lines.push(["native", `not there: ${native.missing}`]);
    else
      lines.push(["native", `${native.isas.join(", ")} in ${native.file ?? "a file that this runtime does not name"}`]);
  }
  if (wasm !== undefined) lines.push(["wasm", wasm ? `not there: ${wasm.missing}` : "there"]);
  if (memory) {
    if ("error" in memory) lines.push(["memory", `not measured: ${memory.error}`]);
    else {
      const rates = memory.step.map(
        ({ threads, gigabytesPerSecond }) =>
          `${gigabytesPerSecond.toFixed(1)} GB/s in steps on ${threads} ${threads === 1 ? "thread" : "threads"}`,
      );
      lines.push(["memory", `${rates.join(", ")}; ${memory.copy.toFixed(1)} GB/s in copies`]);
    }
  }
  for (const { backend: name, isa, kernels, different } of tests ?? []) {
    const what = name === isa ? name : `${name} ${isa}`;
    const right = kernels - different.length;
    lines.push(["self-test", `${what}: ${right} of ${kernels} leave the reference's bits`]);
    for (const kernel of listed(different)) lines.push(["", `not ${kernel}`]);
  }
  if (tests?.length === 0) lines.push(["self-test", "there is nothing beside the reference"]);
  return lines.map(([name, text]) => `${name.padEnd(12)}${text}`);
}

/**
 * `rmsprop doctor`.
 * @returns the exit code
 */
export function doctor(args: readonly string[]): number {
  const given = readArguments(args, help, { json: { type: "boolean" } });
  if (typeof given === "number") return given;
  const { json = false } = given.values;
  const findings = examine((found) => {
    if (!json) for (const line of linesOf(found)) print(line);
  });
  if (json) print(JSON.stringify(findings, null, 2));
  return findings.exitCode;
}
