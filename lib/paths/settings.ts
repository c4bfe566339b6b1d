// What a path is computed from, as JSON, and how it is read.

import { OptimError } from "../errors.ts";
import { type NumberType, numberTypes } from "../numbers/typed-array.ts";
import { checkOption, checkOptionName, isNumber, type OptionSpec, type OptionTable } from "../options/option.ts";
import { show } from "../values/show.ts";
import { isPlain } from "../values/values.ts";
import { type Point, type SurfaceName, surfaces } from "./surfaces.ts";

/** The optimizers that a path may be of. */
export const optimizerNames = ["SGD", "RMSprop", "Adagrad", "Adam", "AdamW", "Adadelta", "Rprop"] as const;

export type OptimizerName = (typeof optimizerNames)[number];

/** Anything that JSON has. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

/** One optimizer's path. */
export interface RunSettings {
  readonly optimizer: OptimizerName;
  /** Those of the optimizer's constructor that JSON can hold. */
  readonly options: Readonly<Record<string, Json>>;
}

/** Paths over one function from one point. */
export interface PathSettings {
  readonly version: 1;
  readonly surface: SurfaceName;
  /** In the surface's domain or out of it. Float32 paths begin at the nearest float32 numbers. */
  readonly start: Point;
  /** From 1 to 100,000. */
  readonly steps: number;
  /** Of the noise, from 0 to 2^32 - 1: all runs see the same noise at the same step. Default 1. */
  readonly seed: number;
  /** What the optimizers compute in. Default "float32". */
  readonly dtype: NumberType;
  /** From 1 to 100. */
  readonly runs: readonly RunSettings[];
}

const owner = "the JSON of settings";

const isWhole = (value: unknown, from: number, to: number) =>
  Number.isInteger(value) && (value as number) >= from && (value as number) <= to;

const word = (words: readonly string[], otherwise?: string): OptionSpec => ({
  default: otherwise,
  domain: `one of ${words.map((name) => `"${name}"`).join(", ")}`,
  words,
  accepts: (value) => words.includes(value as string),
});

const whole = (from: number, to: number, otherwise?: number): OptionSpec => ({
  default: otherwise,
  domain: `a whole number from ${from} to ${to}`,
  accepts: (value) => isWhole(value, from, to),
});

const table: OptionTable = {
  version: { default: undefined, domain: "1", accepts: (value) => value === 1 },
  surface: word(Object.keys(surfaces)),
  start: {
    default: undefined,
    domain: "a list of two finite numbers, x and y",
    accepts: (value) => Array.isArray(value) && value.length === 2 && value.every(Number.isFinite),
  },
  steps: whole(1, 100_000),
  seed: whole(0, 2 ** 32 - 1, 1),
  dtype: word(numberTypes, "float32"),
  runs: {
    default: undefined,
    domain: "a list of 1 to 100 objects",
    accepts: (value) => Array.isArray(value) && isWhole(value.length, 1, 100),
  },
};

/** The most lists and objects in each other. No option has as many, and a million would be no end of calls. */
const deepest = 20;

const runTable: OptionTable = {
  optimizer: word(optimizerNames),
  options: {
    default: {},
    domain: `an object of what JSON can hold: finite numbers, and at most ${deepest} lists or objects in each other`,
    accepts: (value) => isObject(value) && isJson(value, deepest),
  },
};

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value) && isPlain(value);

function isJson(value: unknown, depth: number): value is Json {
  if (value === null || typeof value === "boolean" || typeof value === "string") return true;
  if (isNumber(value)) return Number.isFinite(value);
  if (depth === 0) return false;
  const inner = (part: unknown) => isJson(part, depth - 1);
  return Array.isArray(value) ? value.every(inner) : isObject(value) && Object.values(value).every(inner);
}

/** Reads an object by a table: each name known, each value in its domain, none missing that has no default. */
function read(of: OptionTable, given: unknown, whose: string): Record<string, unknown> {
  if (!isObject(given)) {
    throw new OptimError("ERR_OPTION", `Expected ${whose} to be an object, but found ${show(given)}.`);
  }
  for (const name of Object.keys(given)) checkOptionName(of, name, whose);
  const entries = Object.entries(of).map(([name, spec]): [string, unknown] => {
    const value = given[name] === undefined ? spec.default : given[name];
    if (value === undefined) {
      throw new OptimError("ERR_OPTION", `Expected ${whose} to have '${name}', ${spec.domain}, but there is none.`);
    }
    return [name, checkOption(of, name, value)];
  });
  return Object.fromEntries(entries);
}

/**
 * Reads settings that JSON held. The options of a run are checked by its optimizer, when its path is computed.
 * @throws OptimError ERR_OPTION, with a sentence that says what was expected and what was found.
 */
export function readSettings(given: unknown): PathSettings {
  const settings = read(table, given, owner) as unknown as PathSettings;
  const runs = settings.runs.map((run, i) => read(runTable, run, `the JSON of run ${i + 1}`) as unknown as RunSettings);
  return { ...settings, runs };
}
