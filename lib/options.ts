import { power } from "./coefficients.ts";
import { OptimError, show } from "./errors.ts";
import { decay32, type Float32Domain, finite32, isFinite32, isKept32, kept32, positive32 } from "./number-domains.ts";
import { isSchedule, type Rate } from "./schedules/schedule.ts";
import type { LossScale, StageOptions } from "./stage-options.ts";
import { isPlain, isRecord } from "./values.ts";
import { didYouMean, meantOption, meantWord } from "./words.ts";

/** One option: its default, the values it takes, and those in words for an error. */
export interface OptionSpec {
  readonly default: unknown;
  readonly domain: string;
  /** Whether it is given to a constructor or a group once, and cannot be set afterwards. */
  readonly fixed?: boolean;
  accepts(value: unknown): boolean;
  /** What float32 parameters can have of it, where that is less. */
  readonly float32?: Float32Domain;
  /** What to keep of a value that has parts: a frozen copy, each part read once. `accepts` is asked about the copy. */
  copy?(value: unknown): unknown;
  /** The words that are taken, or that a list may hold: for an error about another. */
  readonly words?: readonly string[];
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

/** What an option of 0 or more is in float32: only finite, or also 0 only if it is 0. */
export const finite = (value: number): OptionSpec => ({ ...nonNegative(value), float32: finite32 });
export const kept = (value: number): OptionSpec => ({ ...nonNegative(value), float32: kept32 });

export const fraction = (value: number): OptionSpec => ({
  default: value,
  domain: "a number from 0 to 1",
  accepts: (found) => isNumber(found) && found >= 0 && found <= 1,
});

/** The decay of an average, which adds `1 - decay` of what is new. */
export const decay = (value: number): OptionSpec => ({ ...fraction(value), float32: decay32 });

export const boolean = (value: boolean): OptionSpec => ({
  default: value,
  domain: "true or false",
  accepts: (found) => typeof found === "boolean",
});

export const learningRate = (value: number): OptionSpec => ({
  default: value,
  domain: "a number of 0 or more, a schedule, or a function of the step (1, 2, …) that returns such a number",
  accepts: (found) => isRate(found) || typeof found === "function" || isSchedule(found),
  float32: { ...finite32, accepts: (found) => typeof found !== "number" || isFinite32(found) },
});

/** The options that every optimizer has. */
export interface CommonOptions<PresetName extends string> extends StageOptions {
  /**
   * Weight decay, 0 or more. Default 0. Added to the gradient (L2), unless `decoupledWeightDecay`.
   * @unit that of a gradient over that of the parameter; decoupled, one over that of `lr`
   * @systems L2: PyTorch and timm `weight_decay`, MXNet `wd`. Decoupled: Keras `weight_decay`
   */
  weightDecay?: number;
  /**
   * Multiplies the parameter by `1 - lr * weightDecay` instead of adding to the gradient. Default false.
   * @unit none
   * @systems timm `decoupled_decay`; on in Keras; optax by a chain with `add_decayed_weights`
   */
  decoupledWeightDecay?: boolean;
  /**
   * Steps up the gradient instead of down. Default false.
   * @unit none
   * @systems PyTorch `maximize`
   */
  maximize?: boolean;
  /**
   * The options and the order of operations of another system, to the last bit; docs/presets.md has the table. Options
   * given beside it override it. Given to a constructor or a group, it cannot be set afterwards. Default null, none.
   * @formula docs/presets.md has those of each system
   * @unit none
   * @systems none: each has its own order of operations
   */
  preset?: PresetName | null;
}

/** How the gains of weights move (RMSpropOptions, `gains`). */
export interface Gains {
  /** Added on agreement; 0 or more. */
  up: number;
  /** Multiplies on disagreement; from 0 to 1. */
  down: number;
  /** The smallest gain; above 0, at most 1. */
  min: number;
  /** The largest gain; 1 or more. */
  max: number;
}

/** The values of Hinton's lecture 6d. */
export const lectureGains: Readonly<Gains> = Object.freeze({ up: 0.05, down: 0.95, min: 0.1, max: 10 });

/** A frozen copy of an object's own properties that are not undefined, over others; what is no object stays as it is. */
function copyRecord(found: unknown, over: object = {}): unknown {
  if (!isRecord(found)) return found;
  const given = Object.entries(found).filter(([, value]) => value !== undefined);
  return Object.freeze({ ...over, ...Object.fromEntries(given) });
}

export const gainsOption: OptionSpec = {
  default: null,
  domain: "null, {} for the defaults, or { up, down, min, max } with 0 <= up, 0 <= down <= 1 and 0 < min <= 1 <= max",
  accepts(found) {
    if (!isRecord(found)) return found === null;
    const { up, down, min, max } = found as Gains;
    return (
      Object.keys(found).length === 4 &&
      [up, down, min, max].every(isRate) &&
      down <= 1 &&
      min > 0 &&
      min <= 1 &&
      max >= 1
    );
  },
  float32: {
    domain: "null, or numbers that are finite there, and a min above 0,",
    accepts: (found) => found === null || (finite32.accepts(found) && isKept32((found as Gains).min)),
  },
  copy: (found) => copyRecord(found, lectureGains),
};

/** Two numbers, each with a domain of its own. */
export const pair = (
  value: readonly [number, number],
  domain: string,
  float32: Float32Domain,
  accepts: (low: number, high: number) => boolean,
): OptionSpec => ({
  default: Object.freeze(value),
  domain,
  float32,
  accepts(found) {
    const [low, high, ...more] = Array.isArray(found) ? (found as unknown[]) : [];
    return isRate(low) && isRate(high) && more.length === 0 && accepts(low, high);
  },
  copy: (found) => (Array.isArray(found) ? Object.freeze(Array.from(found)) : found),
});

/** One of some names, or null for none. It cannot be set later, because it stands for other options too. */
export const choice = (names: readonly string[]): OptionSpec => ({
  default: null,
  domain: names.length > 0 ? `one of ${names.map((name) => `"${name}"`).join(", ")}, or null` : "null: there are none",
  fixed: true,
  words: names,
  accepts: (found) => found === null || names.includes(found as string),
});

const isPositive = (value: unknown): value is number => isRate(value) && value > 0;

const positive = (value: number): OptionSpec => ({
  default: value,
  domain: "a finite number above 0",
  accepts: isPositive,
  float32: positive32,
});

const limit: OptionSpec = {
  default: null,
  domain: "a finite number above 0, or null",
  accepts: (found) => found === null || isPositive(found),
  float32: { ...positive32, domain: `null, or ${positive32.domain}` },
};

/** The options of stages beside the rule, of every optimizer. */
export const stageOptions = {
  gradScale: positive(1),
  clipValue: limit,
  clipNorm: limit,
  ema: {
    default: null,
    domain:
      "null, or { decay, warmup, start, every } with 0 <= decay <= 1, and if they are given a warmup of true or false, " +
      "a whole start >= 1 and a whole every >= 1",
    accepts(found) {
      if (!isRecord(found)) return found === null;
      const { decay, warmup = false, start = 1, every = 1, ...more } = found as Partial<Record<string, unknown>>;
      const known = Object.keys(more).length === 0 && typeof warmup === "boolean" && isCount(start) && isCount(every);
      return known && isRate(decay) && decay <= 1;
    },
    float32: {
      domain: `null, or with a decay that is ${decay32.domain},`,
      accepts: (found) => found === null || decay32.accepts((found as { decay: number }).decay),
    },
    copy: (found) => copyRecord(found),
  },
  zeroGrads: boolean(false),
} satisfies OptionTable;

/** PyTorch's. */
const defaultLossScale: LossScale = { initial: 2 ** 16, growthFactor: 2, backoffFactor: 0.5, growthInterval: 2000 };

/** Between these the scale of a loss moves: it and its inverse are finite in float32, and not 0. */
export const leastLossScale = 1 / power(2, 126);
export const mostLossScale = power(2, 127);

export const isLossScale = (value: unknown): value is number =>
  isNumber(value) && value >= leastLossScale && value <= mostLossScale;

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 1;

const diagnosticNames = ["gradNorm", "updateNorm", "largestUpdate", "clipped", "nonFinite"];

/** The options of an optimizer as a whole, which groups do not have. */
export const optimizerOptions: WholeOptionTable = {
  clipGlobalNorm: limit,
  skipNonFinite: boolean(false),
  lossScale: {
    default: null,
    domain:
      "null, {} for the defaults, or { initial, growthFactor, backoffFactor, growthInterval } with " +
      "2^-126 <= initial <= 2^127, growthFactor >= 1, 0 < backoffFactor < 1 and a whole growthInterval >= 1",
    accepts(found) {
      if (!isRecord(found)) return found === null;
      const { initial, growthFactor, backoffFactor, growthInterval } = found as LossScale;
      return (
        Object.keys(found).length === 4 &&
        isLossScale(initial) &&
        [growthFactor, backoffFactor].every(isPositive) &&
        growthFactor >= 1 &&
        backoffFactor < 1 &&
        isCount(growthInterval)
      );
    },
    copy: (found) => copyRecord(found, defaultLossScale),
  },
  gradientAccumulationSteps: { default: 1, domain: "a whole number of 1 or more", accepts: isCount },
  diagnostics: {
    default: false,
    words: diagnosticNames,
    domain: `true, false, or a list of ${diagnosticNames.map((name) => `"${name}"`).join(", ")}`,
    accepts: (found) =>
      found === false || (Array.isArray(found) && found.every((name) => diagnosticNames.includes(name))),
    copy(found) {
      const list = found === true ? diagnosticNames : found;
      return Array.isArray(list) ? Object.freeze(Array.from(list)) : list;
    },
  },
};

/** The names of an optimizer's options as a whole, which a constructor takes and a group does not. */
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

/** Refuses a value outside its option's domain, and returns what to keep of one inside. */
export function checkOption(table: OptionTable, name: string, value: unknown): unknown {
  const spec = table[name] as OptionSpec;
  const kept = spec.copy ? spec.copy(value) : value;
  if (!spec.accepts(kept)) {
    throw new OptimError("ERR_OPTION", `Expected '${name}' to be ${spec.domain}, but it ${found(spec, value, kept)}`);
  }
  return kept;
}

/** What was found, for an error: of a list of words the first that is none of those that are taken. */
function found({ words = [] }: OptionSpec, value: unknown, kept: unknown): string {
  const isWord = (item: unknown) => words.includes(item as string);
  const isList = Array.isArray(kept) && words.length > 0 && !kept.every(isWord);
  const wrong: unknown = isList ? kept.find((item) => !isWord(item)) : value;
  const instead = typeof wrong === "string" ? meantWord(wrong, words) : undefined;
  // Only a list takes words that are right.
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
    `Expected '${other}' to be a property of its own of the options of ${owner}, but it is inherited or hidden.`,
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
