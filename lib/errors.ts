import { typedArrayName } from "./typed-array.ts";
import { classNameOf, isProxy } from "./values.ts";

/** What went wrong, for programs. The message says it for people: what was expected and what was found. */
export type OptimErrorCode =
  | "ERR_OPTION"
  | "ERR_DTYPE"
  | "ERR_LENGTH"
  | "ERR_ALIASED"
  | "ERR_NAME"
  | "ERR_DETACHED"
  | "ERR_STEP_IN_FLIGHT"
  | "ERR_ASYNC_MEMORY"
  | "ERR_STATE"
  | "ERR_CHECKPOINT"
  | "ERR_MEMORY";

/** Every error this package throws. It is thrown before anything is changed. */
export class OptimError extends Error {
  readonly code: OptimErrorCode;

  constructor(code: OptimErrorCode, message: string) {
    super(message);
    this.name = "OptimError";
    this.code = code;
  }
}

/** A value as an error message shows it: short, and never by calling code of the value's own. */
export function show(value: unknown): string {
  switch (typeof value) {
    case "string":
      return value.length > 60 ? `${JSON.stringify(value.slice(0, 60))}…` : JSON.stringify(value);
    case "number":
      return Object.is(value, -0) ? "-0" : String(value);
    case "bigint":
      return `${value}n`;
    case "function":
      return "a function";
    case "symbol":
      return "a symbol";
    case "object":
      return value === null ? "null" : showObject(value);
    default:
      return String(value);
  }
}

/** An object as the one of its class that it is. */
function showObject(value: object): string {
  if (isProxy(value)) return "a proxy";
  if (Array.isArray(value)) return "an array";
  const name = typedArrayName(value) ?? classNameOf(value);
  // What only has the prototype of a typed array is none.
  if (name === undefined || name === "Object" || (/Array$/.test(name) && !ArrayBuffer.isView(value)))
    return "an object";
  return `${/^[AEIOU]/i.test(name) ? "an" : "a"} ${name}`;
}
