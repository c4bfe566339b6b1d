import { OptimError } from "../errors.ts";
import { show } from "../values/show.ts";
import type { Backend } from "./backend.ts";

/** What executes steps in this process, and why. */
export interface BackendInfo {
  /** The native add-on, its kernels compiled to WebAssembly, or their reference in TypeScript. */
  readonly name: "native" | "wasm" | "reference";
  /** The instruction set in use: sse2, avx2, avx512, neon or wasm; "none" on the reference. */
  readonly isa: string;
  /** The most threads a step may use. 1 on every backend but the native one. */
  readonly threads: number;
  /** Why no better backend runs, or undefined where the best does or another was asked for. */
  readonly fallbackReason: string | undefined;
  /**
   * Sets the most threads a step may use, for all optimizers of this process. No result depends on it.
   * @param count From 1 to 1,024.
   * @throws OptimError ERR_OPTION for anything else.
   */
  setThreads(count: number): void;
}

/** A backend that may not be there. */
export interface Candidate {
  /** For people. */
  readonly title: string;
  /** @throws Error with the reason why it cannot run. */
  create(): Backend;
}

let current: Backend | undefined;

/** The backend in use. */
export function currentBackend(): Backend {
  if (!current) throw new Error("Expected a backend to be in use; import the package by its entry point.");
  return current;
}

const maxThreads = 1024;

/** @throws OptimError ERR_OPTION. */
export function checkThreads(count: unknown, source: string, found: unknown = count): number {
  if (typeof count !== "number" || !Number.isInteger(count) || count < 1 || count > maxThreads) {
    throw new OptimError(
      "ERR_OPTION",
      `Expected ${source} to be a whole number from 1 to ${maxThreads}, but it is ${show(found)}.`,
    );
  }
  return count;
}

/** Takes a backend into use. */
export function useBackend(backend: Backend, fallbackReason?: string): BackendInfo {
  current = backend;
  return Object.freeze({
    name: backend.name,
    isa: backend.isa,
    get threads() {
      return backend.threads;
    },
    set threads(_count: number) {
      throw new OptimError(
        "ERR_OPTION",
        "Expected 'threads' to be set by backend.setThreads(n), but it is assigned to.",
      );
    },
    fallbackReason,
    setThreads(count: number) {
      backend.setThreads(checkThreads(count, "the number of threads"));
    },
  });
}

/** An error in one line. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text
    .trim()
    .split(/\s*\n\s*/)
    .join(", ");
}

/** Sentences, or what are none, as one. */
const joined = (reasons: readonly string[]) =>
  reasons.length === 1 ? (reasons[0] as string) : reasons.map((reason) => reason.replace(/\.$/, "")).join("; ");

/**
 * Takes the first backend into use that can run, with one warning where it is not the first of all.
 * @throws OptimError for what the user asked for and cannot have.
 */
export function useFirst(
  candidates: readonly Candidate[],
  warn: (message: string, backend: Backend) => void,
): BackendInfo {
  const failed: string[] = [];
  const reasons: string[] = [];
  for (const { title, create } of candidates) {
    let backend: Backend;
    try {
      backend = create();
    } catch (error) {
      if (error instanceof OptimError) throw error;
      failed.push(title);
      reasons.push(reasonOf(error));
      continue;
    }
    const reason = reasons.length > 0 ? joined(reasons) : undefined;
    if (reason !== undefined) {
      warn(
        `${failed.join(" and ")} did not load, so steps run on ${title}: the same bits, more slowly. ` +
          `The reason: ${reason}`,
        backend,
      );
    }
    return useBackend(backend, reason);
  }
  throw new Error(`Expected a backend that can run, but ${joined(reasons)}`);
}
