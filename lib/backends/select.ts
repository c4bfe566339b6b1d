import { OptimError } from "../errors.ts";
import { told } from "../host.ts";
import type { AnyRule } from "../rules/rule.ts";
import type { Backend } from "./backend.ts";
import { type BackendInfo, type Candidate, checkThreads, reasonOf, useBackend, useFirst } from "./current.ts";
import { readWasm } from "./load.ts";
import { createNative, everyNative, loadBinding } from "./native/native.ts";
import { createReference } from "./reference/reference.ts";
import { type Difference, StaleError } from "./signatures.ts";
import { loadKernels } from "./wasm/kernels.ts";
import { createWasm } from "./wasm/wasm.ts";

function nativeFromEnvironment(rules: readonly AnyRule[], env: NodeJS.ProcessEnv): Backend {
  const binding = loadBinding(rules);
  const isa = told(() => env.RMSPROP_ISA) || undefined;
  const { isas } = binding.describe();
  if (isa !== undefined && !isas.includes(isa)) {
    throw new OptimError("ERR_OPTION", `Expected RMSPROP_ISA to be one of ${isas.join(", ")}, but it is '${isa}'.`);
  }
  const threads = told(() => env.RMSPROP_NUM_THREADS);
  if (threads) {
    binding.setThreads(checkThreads(Number(threads), "RMSPROP_NUM_THREADS", threads));
  }
  return createNative(binding, isa === undefined ? {} : { isa });
}

/**
 * Chooses the backend: the one that RMSPROP_BACKEND names, or the first that loads of native, WebAssembly and the reference,
 * with one warning where it is not native.
 * @throws OptimError ERR_OPTION for a value of the environment that cannot be followed; Error where RMSPROP_BACKEND names
 * a backend that does not load.
 */
export function selectBackend(
  rules: readonly AnyRule[],
  env: NodeJS.ProcessEnv = process.env,
  warn: (message: string, options: { code: string }) => void = process.emitWarning,
): BackendInfo {
  const candidates: Readonly<Record<Backend["name"], Candidate>> = {
    native: { title: "the native backend", create: () => nativeFromEnvironment(rules, env) },
    wasm: { title: "WebAssembly", create: () => createWasm(loadKernels(readWasm(), rules)) },
    reference: { title: "the TypeScript reference", create: createReference },
  };
  const wanted = told(() => env.RMSPROP_BACKEND);
  if (wanted) {
    if (!Object.hasOwn(candidates, wanted)) {
      throw new OptimError(
        "ERR_OPTION",
        `Expected RMSPROP_BACKEND to be native, wasm or reference, but it is '${wanted}'.`,
      );
    }
    return useBackend(candidates[wanted as Backend["name"]].create());
  }
  return useFirst(Object.values(candidates), (message, { name }) => {
    warn(message, { code: `RMSPROP_${name.toUpperCase()}` });
  });
}

/** What there is on this machine, apart from what is in use. */
export interface BackendsHere {
  readonly reference: Backend;
  /** The others, best first: the native one with each of its instruction sets. They use every thread they may. */
  readonly others: readonly Backend[];
  /** Why a backend is not among them. */
  readonly missing: Readonly<Partial<Record<Backend["name"], string>>>;
  /** How one that is missing differs from this version, where that is the reason. */
  readonly stale: Readonly<Partial<Record<Backend["name"], Difference>>>;
}

/** Every backend that loads, for whoever compares them. */
export function backendsHere(rules: readonly AnyRule[]): BackendsHere {
  const missing: Partial<Record<Backend["name"], string>> = {};
  const stale: Partial<Record<Backend["name"], Difference>> = {};
  const attempt = (name: Backend["name"], create: () => readonly Backend[]): readonly Backend[] => {
    try {
      return create();
    } catch (error) {
      missing[name] = reasonOf(error);
      if (error instanceof StaleError) stale[name] = error.difference;
      return [];
    }
  };
  const native = attempt("native", () => everyNative(loadBinding(rules)));
  const wasm = attempt("wasm", () => [createWasm(loadKernels(readWasm(), rules))]);
  return { reference: createReference(), others: [...native, ...wasm], missing, stale };
}
