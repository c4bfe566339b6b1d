// Calls of the file system that fail: the n-th of a piece of work, or all from it on.
import fs, { existsSync, readdirSync } from "node:fs";

/** The functions of node:fs that checkpoints call, in the form that is called back; `Sync` is added for the other. */
const functions = [
  ...["open", "close", "fsync", "rename", "unlink", "readdir", "readlink", "stat", "fstat", "fchmod", "chmod"],
  ...["fchown", "chown", "read", "write", "realpath"],
] as const;

/** How a call fails: by an error, after it was done where it is a close; or by doing half of what was asked, or nothing. */
export type Failure = "EIO" | "ENOSPC" | "EINTR" | "half" | "nothing";

type Function = (...args: unknown[]) => unknown;

const errorOf = (code: string, syscall: string) =>
  Object.assign(new Error(`${code}: made by the test, ${syscall}`), { code, errno: -1, syscall });

export interface Watched {
  /** The names of the calls that were asked for, in order. */
  readonly calls: string[];
  /** Those that were made, though maybe not as they were asked for. */
  readonly made: string[];
  restore(): void;
}

/** Whether call number `count` fails. */
export type Fails = (count: number) => boolean;

/**
 * Puts functions that count, and fail as is asked, in the place of those of node:fs.
 * @param fails Asked with the call's number, from 1.
 */
export function watchCalls(form: "sync" | "async", fails: Fails = () => false, failure: Failure = "EIO"): Watched {
  const calls: string[] = [];
  const made: string[] = [];
  const restores: (() => void)[] = [];
  const replace = (object: Record<string, Function>, key: string, name: string) => {
    const original = object[key] as Function;
    const watched = form === "sync" ? atOnce(original, name) : calledBack(original, name);
    // With realpath's `native`, and what promisify makes objects of results by.
    object[key] = Object.defineProperties(watched, Object.getOwnPropertyDescriptors(original)) as Function;
    restores.push(() => {
      object[key] = original;
    });
  };

  /** What comes of a call: undefined where it is made as it was asked. */
  function outcome(name: string, args: unknown[]): { error: Error } | { args: unknown[] } | undefined {
    calls.push(name);
    const isError = failure !== "half" && failure !== "nothing";
    if (!fails(calls.length) || !isError) made.push(name);
    if (!fails(calls.length)) return undefined;
    if (isError) return { error: errorOf(failure, name) };
    if (name !== "read" && name !== "write") return undefined;
    // (file, bytes, offset, length, …)
    const length = failure === "half" ? Math.ceil((args[3] as number) / 2) : 0;
    return { args: args.map((arg, i) => (i === 3 ? length : arg)) };
  }

  const atOnce = (original: Function, name: string) =>
    function watched(...args: unknown[]): unknown {
      const found = outcome(name, args);
      if (!found) return original(...args);
      if ("args" in found) return original(...found.args);
      if (name === "close") original(...args);
      throw found.error;
    };

  const calledBack = (original: Function, name: string) =>
    function watched(...args: unknown[]): unknown {
      const found = outcome(name, args);
      if (!found) return original(...args);
      if ("args" in found) return original(...found.args);
      const callback = args.at(-1) as (error: Error) => void;
      if (name === "close") return original(...args.slice(0, -1), () => callback(found.error));
      return setImmediate(callback, found.error);
    };

  const all = fs as unknown as Record<string, Function>;
  for (const name of functions) {
    const key = form === "sync" ? `${name}Sync` : name;
    if (name === "realpath") replace(all[key] as unknown as Record<string, Function>, "native", name);
    replace(all, key, name);
  }
  return {
    calls,
    made,
    restore() {
      for (const restore of restores) restore();
    },
  };
}

/** The number of files that this process has open; undefined where the system does not tell. */
export const openFiles = () => (existsSync("/proc/self/fd") ? readdirSync("/proc/self/fd").length : undefined);
