import { OptimError } from "../errors.ts";
import type { AnyRule } from "../rule.ts";
import type { Backend } from "./backend.ts";
import { type BackendInfo, type Candidate, checkThreads, useBackend, useFirst } from "./current.ts";
import { readWasm } from "./load.ts";
import { createNative, loadBinding } from "./native.ts";
import { createReference } from "./reference.ts";
import { createWasm } from "./wasm.ts";
import { loadKernels } from "./wasm-kernels.ts";

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
 * Chooses the backend: the one that RMSPROP_BACKEND names, or the first that loads of native, WebAssembly and the reference,
 * with one warning where it is not native.
 * @throws OptimError ERR_OPTION for a value of the environment that cannot be followed; Error where RMSPROP_BACKEND names
 * a backend that does not load.
 */
export function selectBackend(rules: readonly AnyRule[], env: NodeJS.ProcessEnv = process.env): BackendInfo {
  const candidates: Readonly<Record<Backend["name"], Candidate>> = {
    native: { title: "the native backend", create: () => nativeFromEnvironment(rules, env) },
    wasm: { title: "WebAssembly", create: () => createWasm(loadKernels(readWasm(), rules)) },
    reference: { title: "the TypeScript reference", create: createReference },
  };
  const wanted = env.RMSPROP_BACKEND;
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
    process.emitWarning(message, { code: `RMSPROP_${name.toUpperCase()}` });
  });
}
