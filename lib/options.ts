import { OptimError, show } from "./errors.ts";
import { isSchedule, type Rate } from "./schedules/schedule.ts";

/** One option: its default, the values it takes, and those in words for an error. */
export interface OptionSpec {
  readonly default: unknown;
  readonly domain: string;
  accepts(value: unknown): boolean;
}

export type OptionTable = Readonly<Record<string, OptionSpec>>;

/** The learning rate: a number, a function of the step, which counts from 1, or a schedule with state. */
export type LearningRate = Rate;

const isNumber = (value: unknown): value is number => typeof value === "number";

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

export const learningRate = (value: number): OptionSpec => ({
  default: value,
  domain: `${rateDomain}, or a function from the step, which counts from 1, to one, or a schedule`,
  accepts: (found) => isRate(found) || typeof found === "function" || isSchedule(found),
});

/** Options that the interface names and that this version does not have. */
const notBuilt = new Set([
  "biasCorrection",
  "preset",
  "clipGlobalNorm",
  "clipNorm",
  "clipValue",
  "gradScale",
  "skipNonFinite",
  "zeroGrads",
  "ema",
  "gains",
]);

/** What other libraries call an option of ours. */
const otherNames: Readonly<Record<string, string>> = {
  learningrate: "lr",
  rho: "alpha",
  decay: "alpha",
  epsilon: "eps",
  l2: "weightDecay",
};

/** The option that somebody who wrote `name` most likely meant. */
function meant(name: string, known: readonly string[]): string | undefined {
  const plain = (text: string) => text.toLowerCase().replace(/[_-]/g, "");
  const candidate = Object.hasOwn(otherNames, plain(name)) ? (otherNames[plain(name)] as string) : name;
  return known.find((option) => plain(option) === plain(candidate));
}

/** Refuses a name that is not an option. */
export function checkOptionName(table: OptionTable, name: PropertyKey, owner: string): void {
  if (typeof name === "string" && Object.hasOwn(table, name)) return;
  const known = Object.keys(table);
  const shown = typeof name === "string" ? `'${name}'` : show(name);
  if (typeof name === "string" && notBuilt.has(name)) {
    throw new OptimError("ERR_OPTION", `The option ${shown} of ${owner} is not built yet in this version.`);
  }
  const instead = typeof name === "string" ? meant(name, known) : undefined;
  const hint = instead ? `did you mean '${instead}'?` : `it has ${known.join(", ")}.`;
  throw new OptimError("ERR_OPTION", `${owner} has no option ${shown}; ${hint}`);
}

/** Refuses a value outside its option's domain. */
export function checkOption(table: OptionTable, name: string, value: unknown): void {
  const spec = table[name] as OptionSpec;
  if (!spec.accepts(value)) {
    throw new OptimError("ERR_OPTION", `Expected '${name}' to be ${spec.domain}, but it is ${show(value)}.`);
  }
}

/**
 * Reads options that a user gave over `base`, each property once. Undefined stands for an option not given.
 * @throws OptimError ERR_OPTION for a name that is no option and for a value outside its domain.
 */
export function readOptions<O extends object>(table: OptionTable, base: O, given: unknown, owner: string): O {
  if (given === undefined) return { ...base };
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    throw new OptimError(
      "ERR_OPTION",
      `Expected the options of ${owner} to be an object, but they are ${show(given)}.`,
    );
  }
  const options = { ...base } as Record<string, unknown>;
  for (const name of Object.keys(given)) {
    const value = (given as Record<string, unknown>)[name];
    checkOptionName(table, name, owner);
    if (value === undefined) continue;
    checkOption(table, name, value);
    options[name] = value;
  }
  return options as O;
}

/** Every option at its default. */
export function defaultsOf<O extends object>(table: OptionTable): O {
  return Object.fromEntries(Object.entries(table).map(([name, spec]) => [name, spec.default])) as O;
}
