import { typedArrayName } from "../numbers/typed-array.ts";
import { classNameOf, isProxy } from "./values.ts";

/** The bigints from here on have more digits than a message shows. */
const limit = 1n << 64n;

/** A value as an error message shows it: short, and never by calling code of the value's own. */
export function show(value: unknown): string {
  switch (typeof value) {
    case "string":
      return value.length > 60 ? `${JSON.stringify(value.slice(0, 60))}…` : JSON.stringify(value);
    case "number":
      return Object.is(value, -0) ? "-0" : String(value);
    case "bigint":
      return value >= limit || value <= -limit ? "a bigint of more than 64 bits" : `${value}n`;
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

/** An object as a message names it: by its class, "a Map". */
function showObject(value: object): string {
  if (isProxy(value)) return "a proxy";
  if (Array.isArray(value)) return "an array";
  const name = typedArrayName(value) ?? classNameOf(value);
  // An object that only inherits from a typed array's prototype is none.
  if (name === undefined || name === "Object" || (/Array$/.test(name) && !ArrayBuffer.isView(value)))
    return "an object";
  return `${/^([AEIO]|U(?!int))/i.test(name) ? "an" : "a"} ${name}`;
}

/** The items of a list that a message shows at most. */
const mostItems = 8;

/** A list as an error message shows it: its first items, and their number if there are more. */
export function showList(list: readonly unknown[]): string {
  const shown = Array.from(list.slice(0, mostItems), show).join(", ");
  return list.length <= mostItems ? `[${shown}]` : `[${shown}, … ${list.length} in all]`;
}
