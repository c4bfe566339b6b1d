// Errors of the file system: told as sentences, and none hidden by a later one.
import { close } from "./system-calls.ts";
import type { Task } from "./task.ts";

export const codeOf = (error: unknown) => (error as NodeJS.ErrnoException | undefined)?.code;

type SystemError = NodeJS.ErrnoException & { dest: string };

/**
 * Does work whose errors of the file system are told as a sentence: the given one, then the system's own words, which name
 * no file where the call was of an open one. Their codes stay; other errors come through.
 */
export function* telling<T>(sentence: string, work: Task<T>): Task<T> {
  try {
    return yield* work;
  } catch (error) {
    const { code, errno, syscall, path, dest, message } = (error ?? {}) as Partial<SystemError>;
    if (syscall === undefined) throw error;
    const known = Object.entries({ code, errno, syscall, path, dest }).filter(([, value]) => value !== undefined);
    throw Object.assign(new Error(`${sentence} ${message}`, { cause: error }), Object.fromEntries(known));
  }
}

/** Works with an open file, and closes it whatever happens. After an error of the work one of the close is not thrown. */
export function* closing<T>(file: number, work: Task<T>): Task<T> {
  let result: T;
  try {
    result = yield* work;
  } catch (error) {
    try {
      yield* close(file);
    } catch {}
    throw error;
  }
  yield* close(file);
  return result;
}
