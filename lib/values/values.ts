// Looks at values that a user gave, without running their code: for errors, and to tell kinds of values apart.

type IsProxy = (value: unknown) => boolean;

/** Node, Deno and Bun can tell a proxy. A browser cannot, so a proxy's traps may run there. */
function findIsProxy(): IsProxy {
  try {
    const { process } = globalThis as { process?: { getBuiltinModule?(name: string): unknown } };
    const util = process?.getBuiltinModule?.("node:util") as { types?: { isProxy?: IsProxy } } | undefined;
    return util?.types?.isProxy ?? (() => false);
  } catch {
    return () => false; // a permission that is not given
  }
}

/** Whether a value is a proxy; false where the runtime does not tell. */
export const isProxy = findIsProxy();

/** The value of a data property, own or inherited; undefined for an accessor and behind a proxy. */
function plainValue(value: object, name: string): unknown {
  try {
    for (let at: object | null = value; at !== null && !isProxy(at); at = Object.getPrototypeOf(at)) {
      const found = Object.getOwnPropertyDescriptor(at, name);
      if (found) return found.value;
    }
  } catch {
    // a trap of a proxy, which a browser cannot tell
  }
  return undefined;
}

/** The name of an object's class, if it is fit for a message. */
export function classNameOf(value: object): string | undefined {
  const made = plainValue(value, "constructor");
  if (typeof made !== "function") return undefined;
  const name = plainValue(made, "name");
  return typeof name === "string" && name.length <= 60 && /^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(name) ? name : undefined;
}

/** Whether an object has a method, its own or inherited. */
export function hasMethod(value: unknown, name: string): boolean {
  return typeof value === "object" && value !== null && typeof plainValue(value, name) === "function";
}

/**
 * Whether an object is a literal or like one: its prototype is null, or `Object.prototype` of any realm. Traps may run.
 */
export function isPlain(value: object): boolean {
  const prototype: object | null = Object.getPrototypeOf(value);
  if (prototype === null) return true;
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, "hasOwnProperty");
}

/**
 * Whether a value is an object with properties of its own to read. A Map or a Promise has none, and those of a list
 * have no names.
 */
export function isRecord(value: unknown): value is object {
  if (typeof value !== "object" || value === null || Array.isArray(value) || ArrayBuffer.isView(value)) return false;
  return isPlain(value) || Object.keys(value).length > 0;
}

/** The descriptor of a property that is simply assigned. */
export const plainProperty = (value: unknown) => ({ value, writable: true, enumerable: true, configurable: true });
