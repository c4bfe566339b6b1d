import { OptimError } from "../errors.ts";
import { show } from "../values/show.ts";
import { isPlain, isRecord } from "../values/values.ts";
import { didYouMean, meantOption, meantWord } from "../values/words.ts";

/**
 * The part of an option's domain that float32 parameters can have. It is only asked about values in the option's
 * domain.
 */
export interface Float32Domain {
  readonly domain: string;
  accepts(value: unknown): boolean;
}

/** One option: its default, the values it takes, and those in words for an error. */
export interface OptionSpec {
  readonly default: unknown;
  readonly domain: string;
  /** Whether it is given to a constructor or a group once, and cannot be set afterwards. */
  readonly fixed?: boolean;
  accepts(value: unknown): boolean;
  /** The part of the domain that float32 parameters can have, where it is smaller. */
  readonly float32?: Float32Domain;
  /**
   * Makes the copy to keep of a value that has parts: frozen, each part read once. `accepts` is asked about the copy.
   */
  copy?(value: unknown): unknown;
  /** The words that the option takes, or takes in a list: for an error about another word. */
  readonly words?: readonly string[];
}

export type OptionTable = Readonly<Record<string, OptionSpec>>;

export const isNumber = (value: unknown): value is number => typeof value === "number";

/** A learning rate that is a number, as an option or as a function gave it. */
export const isRate = (value: unknown): value is number =>
  isNumber(value) && value >= 0 && value < Number.POSITIVE_INFINITY;

export const rateDomain = "a finite number of 0 or more";

export const nonNegative = (value: number): OptionSpec => ({ default: value, domain: rateDomain, accepts: isRate });

export const fraction = (value: number): OptionSpec => ({
  default: value,
  domain: "a number from 0 to 1",
  accepts: (found) => isNumber(found) && found >= 0 && found <= 1,
});

export const boolean = (value: boolean): OptionSpec => ({
  default: value,
  domain: "true or false",
  accepts: (found) => typeof found === "boolean",
});

/** One of some names, or null for none. It cannot be set later, because it stands for other options too. */
export const choice = (names: readonly string[]): OptionSpec => ({
  default: null,
  domain: names.length > 0 ? `one of ${names.map((name) => `"${name}"`).join(", ")}, or null` : "null: there are none",
  fixed: true,
  words: names,
  accepts: (found) => found === null || names.includes(found as string),
});

/** The names of the options of an optimizer as a whole, which a constructor takes and a group does not. */
const wholeNames = [
  "clipGlobalNorm",
  "skipNonFinite",
  "lossScale",
  "gradientAccumulationSteps",
  "diagnostics",
] as const;

/** Their table (stages.ts). */
export type WholeOptionTable = OptionTable & { readonly [name in (typeof wholeNames)[number]]: OptionSpec };

const isWholeName = (name: PropertyKey) => (wholeNames as readonly PropertyKey[]).includes(name);

/** Refuses a name that is not an option. */
export function checkOptionName(table: OptionTable, name: PropertyKey, owner: string): void {
  if (typeof name === "string" && Object.hasOwn(table, name)) return;
  const known = Object.keys(table);
  const shown = typeof name === "string" ? `'${name}'` : show(name);
  if (isWholeName(name)) {
    throw new OptimError(
      "ERR_OPTION",
      `Expected ${shown} to be given to the constructor of ${owner}, for all groups, but it is given to one.`,
    );
  }
  const instead = typeof name === "string" ? meantOption(name, known) : undefined;
  const hint = instead ? didYouMean(`'${instead}'`) : `; it has ${known.join(", ")}.`;
  throw new OptimError("ERR_OPTION", `${owner.replace(/^the /, "The ")} has no option ${shown}${hint}`);
}

/** Refuses a value outside its option's domain, and returns the value to keep. */
export function checkOption(table: OptionTable, name: string, value: unknown): unknown {
  const spec = table[name] as OptionSpec;
  const kept = spec.copy ? spec.copy(value) : value;
  if (!spec.accepts(kept)) {
    throw new OptimError("ERR_OPTION", `Expected '${name}' to be ${spec.domain}, but it ${found(spec, value, kept)}`);
  }
  return kept;
}

/** The value that was found, for an error; of a list of words the first that is not taken. */
export function found({ words = [] }: OptionSpec, value: unknown, kept: unknown): string {
  const isWord = (item: unknown) => words.includes(item as string);
  const isList = Array.isArray(kept) && words.length > 0 && !kept.every(isWord);
  const wrong: unknown = isList ? kept.find((item) => !isWord(item)) : value;
  const instead = typeof wrong === "string" ? meantWord(wrong, words) : undefined;
  // A word that is right but was refused belongs in a list.
  const shown = instead === wrong ? `["${instead}"]` : `"${instead}"`;
  return `${isList ? "has" : "is"} ${show(wrong)}${didYouMean(instead === undefined ? undefined : shown)}`;
}

/** Refuses to set an option of a running group that is fixed. */
export function checkSettable(table: OptionTable, name: string, owner: string): void {
  if (!table[name]?.fixed) return;
  throw new OptimError(
    "ERR_OPTION",
    `Expected '${name}' of ${owner} to be given to the constructor or to a group, but it is set on a running one.`,
  );
}

/** Refuses options that an object inherits or hides, as an instance of a class may: only its own are read. */
export function checkOwn(table: OptionTable, given: object, owner: string): void {
  if (isPlain(given)) return;
  const own = Object.keys(given);
  const other = Object.keys(table).find((name) => name in given && !own.includes(name));
  if (other === undefined) return;
  throw new OptimError(
    "ERR_OPTION",
    `Expected '${other}' to be an own property of the options of ${owner}, but it is inherited or hidden.`,
  );
}

/**
 * Reads options that a user gave over `base`, each property once. Undefined stands for an option not given.
 * @throws OptimError ERR_OPTION for a name that is no option and for a value outside its domain.
 */
export function readOptions<O extends object>(table: OptionTable, base: O, given: unknown, owner: string): O {
  if (given === undefined) return { ...base };
  if (!isRecord(given)) {
    throw new OptimError(
      "ERR_OPTION",
      `Expected the options of ${owner} to be an object, but they are ${show(given)}.`,
    );
  }
  checkOwn(table, given, owner);
  const options = { ...base } as Record<string, unknown>;
  for (const name of Object.keys(given)) {
    const value = (given as Record<string, unknown>)[name];
    checkOptionName(table, name, owner);
    if (value === undefined) continue;
    options[name] = checkOption(table, name, value);
  }
  return options as O;
}

/** Every option at its default. */
export function defaultsOf<O extends object>(table: OptionTable): O {
  return Object.fromEntries(Object.entries(table).map(([name, spec]) => [name, spec.default])) as O;
}
