import { OptimError } from "../errors.ts";
import { show } from "../values/show.ts";
import { isProxy, isRecord } from "../values/values.ts";
import { listHint } from "../values/words.ts";
import { takeGradient } from "./gradient.ts";
import { type MadeParameters, madeParameters } from "./made.ts";
import type { Parameter, RawParameter } from "./parameter.ts";

/** A group as the user gave it: each property read once, not checked. */
export interface RawGroup {
  readonly options: Record<string, unknown>;
  readonly params: readonly RawParameter[];
  /** The parameters, if `allocate` made the list; then nothing else is read of them. */
  readonly made: MadeParameters | undefined;
}

function listOf(given: unknown, what: string): unknown[] {
  if (typeof given !== "object" || given === null || ArrayBuffer.isView(given) || !(Symbol.iterator in given)) {
    throw new OptimError(
      "ERR_DTYPE",
      `Expected ${what} to be an iterable of parameters, but it is ${show(given)}${listHint(given)}`,
    );
  }
  return [...(given as Iterable<unknown>)];
}

/** Reads a group's description, each property once. Afterwards none of the user's code is left to run. */
export function takeGroup(given: object, position: string): RawGroup {
  const options = { ...(given as Record<string, unknown>) };
  const made = madeParameters(options.params);
  if (made) return { options, params: [], made };
  return takeItems(listOf(options.params, `the 'params' of ${position}`), options, ` of ${position}`);
}

function takeItems(items: readonly unknown[], options: Record<string, unknown>, list?: string): RawGroup {
  return { options, params: items.map((item, i) => takeParameter(item, i, list)), made: undefined };
}

const isGroup = (item: unknown): item is object => typeof item === "object" && item !== null && "params" in item;

/** Reads the parameters that a constructor was given. A list of parameters is one group. */
export function takeGroups(given: unknown): RawGroup[] {
  const made = madeParameters(given);
  if (made) return [{ options: {}, params: [], made }];
  const items = listOf(given, "the parameters");
  const groups = items.filter(isGroup);
  if (groups.length === 0) return [takeItems(items, {})];
  if (groups.length < items.length) {
    const other = items.findIndex((item) => !isGroup(item));
    throw new OptimError(
      "ERR_DTYPE",
      "Expected a list of parameters or a list of groups, { params, ...options }, but element " +
        `${items.indexOf(groups[0])} is a group and element ${other} is none: put those parameters into a group of their own.`,
    );
  }
  return groups.map((item, i) => takeGroup(item, `group ${i}`));
}

/** The properties that are read. Others are the user's. */
const keys: readonly string[] = ["name", "data", "grad", "shape"];

const none: readonly string[] = [];

export function takeParameter(given: unknown, index: number, list = ""): RawParameter {
  const source = (typeof given === "object" && given !== null ? given : {}) as Partial<Parameter>;
  const { name, data, grad, shape } = source;
  const dtype = data === null ? (source as { readonly dtype?: unknown }).dtype : undefined;
  const others = othersOf(given, shape === undefined ? 3 : 4);
  const gradient = takeGradient(grad);
  return {
    given,
    index,
    list,
    others,
    name,
    data,
    grad: gradient,
    shape: Array.isArray(shape) ? [...shape] : shape,
    dtype,
  };
}

/** An object's own properties beside those that are read, of which there are at most `count`. No trap of a proxy runs. */
function othersOf(given: unknown, count: number): readonly string[] {
  if (typeof given !== "object" || given === null || isProxy(given)) return none;
  const own = Object.keys(given);
  if (own.length <= count && own.every((key) => keys.includes(key))) return none;
  return isRecord(given) ? own.filter((key) => !keys.includes(key)) : none;
}
