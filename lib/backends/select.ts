import { OptimError, show } from "../errors.ts";
import type { AnyRule } from "../rule.ts";
import type { Backend } from "./backend.ts";
import { createNative, loadBinding } from "./native.ts";
import { createReference } from "./reference.ts";

/** What executes steps in this process, and why. */
export interface BackendInfo {
  readonly name: "native" | "reference";
  /** The instruction set in use: sse2, avx2, avx512 or neon; "none" on the reference. */
  readonly isa: string;
  /** The most threads a step may use. 1 on the reference. */
  readonly threads: number;
  /** Why the native backend does not run, or undefined where it does or was not asked for. */
  readonly fallbackReason: string | undefined;
  /**
   * Sets the most threads a step may use, from 1 to 1,024, for all optimizers of this process. No result depends on it.
   * @throws OptimError ERR_OPTION for anything else.
   */
  setThreads(count: number): void;
}

let selected: Backend | undefined;

/** The backend that `selectBackend` chose. */
export function currentBackend(): Backend {
  if (!selected) throw new Error("Expected selectBackend to have run; import the package by its entry point.");
  return selected;
}

const maxThreads = 1024;

function checkThreads(count: unknown, source: string, found: unknown = count): number {
  if (typeof count !== "number" || !Number.isInteger(count) || count < 1 || count > maxThreads) {
    throw new OptimError(
      "ERR_OPTION",
      `Expected ${source} to be a whole number from 1 to ${maxThreads}, but it is ${show(found)}.`,
    );
  }
  return count;
}

/** An error in one line. */
function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text
    .trim()
    .split(/\s*\n\s*/)
    .join(", ");
}

function nativeFromEnvironment(rules: readonly AnyRule[], env: NodeJS.ProcessEnv): Backend {
  const binding = loadBinding(rules);
  const isa = env.RMSPROP_ISA || undefined;
  const { isas } = binding.describe();
  if (isa !== undefined && !isas.includes(isa)) {
    throw new OptimError("ERR_OPTION", `Expected RMSPROP_ISA to be one of ${isas.join(", ")}, but it is '${isa}'.`);
  }
  if (env.RMSPROP_NUM_THREADS) {
    const threads = env.RMSPROP_NUM_THREADS;
    binding.setThreads(checkThreads(Number(threads), "RMSPROP_NUM_THREADS", threads));
  }
  return createNative(binding, isa === undefined ? {} : { isa });
}

/**
 * Chooses the backend: the one that RMSPROP_BACKEND names, or the native one, or, with one warning, the reference where no
 * binary loads.
 * @throws OptimError ERR_OPTION for a value of the environment that cannot be followed; Error where RMSPROP_BACKEND is
 * "native" and no binary loads.
 */
export function selectBackend(rules: readonly AnyRule[], env: NodeJS.ProcessEnv = process.env): BackendInfo {
  const wanted = env.RMSPROP_BACKEND || undefined;
  let fallbackReason: string | undefined;
  if (wanted !== undefined && wanted !== "native" && wanted !== "reference") {
    const found = wanted === "wasm" ? "'wasm', which is not built yet in this version" : `'${wanted}'`;
    throw new OptimError("ERR_OPTION", `Expected RMSPROP_BACKEND to be native or reference, but it is ${found}.`);
  }
  if (wanted === "reference") {
    selected = createReference();
  } else {
    try {
      selected = nativeFromEnvironment(rules, env);
    } catch (error) {
      if (wanted === "native" || error instanceof OptimError) throw error;
      fallbackReason = reasonOf(error);
      process.emitWarning(
        `The native backend did not load, so steps run on the TypeScript reference: the same bits, more slowly. ` +
          `The reason: ${fallbackReason}`,
        { code: "RMSPROP_REFERENCE" },
      );
      selected = createReference();
    }
  }
  const backend = selected;
  return {
    name: backend.name,
    isa: backend.isa,
    get threads() {
      return backend.threads;
    },
    fallbackReason,
    setThreads(count) {
      backend.setThreads(checkThreads(count, "the number of threads"));
    },
  };
}
