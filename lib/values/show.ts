import { typedArrayName } from "../numbers/typed-array.ts";
import { classNameOf, isProxy } from "./values.ts";

/** Beyond it a bigint has more digits than a message shows. */
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

/** An object as the one of its class that it is. */
function showObject(value: object): string {
  if (isProxy(value)) return "a proxy";
  if (Array.isArray(value)) return "an array";
  const name = typedArrayName(value) ?? classNameOf(value);
  // What only has the prototype of a typed array is none.
  if (name === undefined || name === "Object" || (/Array$/.test(name) && !ArrayBuffer.isView(value)))
    return "an object";
  return `${/^([AEIO]|U(?!int))/i.test(name) ? "an" : "a"} ${name}`;
}

/** The most items of a list that a message shows. */
const mostItems = 8;

/** A list as an error message shows it: the first of its items, and how many there are where that is not all. */
export function showList(list: readonly unknown[]): string {
  const shown = Array.from(list.slice(0, mostItems), show).join(", ");
  return list.length <= mostItems ? `[${shown}]` : `[${shown}, … ${list.length} in all]`;
}
