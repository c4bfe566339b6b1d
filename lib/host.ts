// What comes of the engine and the host, and not of what was asked of them.

/**
 * Whether an error is the engine's of this class, by its name, as realms have a class each. An end of the stack, which any
 * call may run into and which says nothing of what was asked, is never meant: V8 and JavaScriptCore make it a RangeError.
 */
export function isEngineError(error: unknown, name: "TypeError" | "RangeError"): boolean {
  const { name: found, message } = (error ?? {}) as { name?: unknown; message?: unknown };
  return found === name && !/call stack|recursion/i.test(String(message));
}

/** What the host tells, or undefined where it refuses to, as Deno does without a permission: for what is only an aid. */
export function told<T>(ask: () => T): T | undefined {
  try {
    return ask();
  } catch {
    return undefined;
  }
}
