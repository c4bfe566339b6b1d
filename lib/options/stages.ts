import { power } from "../numbers/power.ts";
import { isRecord } from "../values/values.ts";
import { copyRecord, isCount, isPositive, limit, positive } from "./domains.ts";
import { decay32 } from "./number-domains.ts";
import {
  boolean,
  checkOptionName,
  checkOwn,
  defaultsOf,
  isNumber,
  isRate,
  type OptionTable,
  readOptions,
  type WholeOptionTable,
} from "./option.ts";
import type { Diagnostic, LossScale, OptimizerOptions, StageOptions } from "./stage-options.ts";

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

/** The scale of a loss stays between these: there it and its inverse are finite in float32, and not 0. */
export const leastLossScale = 1 / power(2, 126);

export const mostLossScale = power(2, 127);

export const isLossScale = (value: unknown): value is number =>
  isNumber(value) && value >= leastLossScale && value <= mostLossScale;

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

/** State arrays that stages have beside the rule's slots. */
export const stageSlots = ["ema", "gradAccumulator"] as const;

export const isStageSlot = (slot: string): boolean => (stageSlots as readonly string[]).includes(slot);

/** The options of an optimizer as a whole, once they are read. */
export interface WholeOptions extends Required<OptimizerOptions> {
  readonly lossScale: LossScale | null;
  readonly diagnostics: false | readonly Diagnostic[];
}

/** A group's options of stages. */
export type AnyStageOptions = Readonly<Required<StageOptions>>;

/**
 * Splits the options that a constructor was given into those of the optimizer as a whole, which it reads, and those of
 * its groups. Each property is read once.
 * @throws OptimError ERR_OPTION.
 */
export function splitOptions(
  definition: { readonly name: string; readonly options: OptionTable },
  given: unknown,
): [WholeOptions, unknown] {
  const defaults = defaultsOf<WholeOptions>(optimizerOptions);
  if (!isRecord(given)) return [defaults, given];
  const table = { ...definition.options, ...optimizerOptions };
  checkOwn(table, given, definition.name);
  const entries = Object.entries(given);
  for (const [name] of entries)
    if (!Object.hasOwn(optimizerOptions, name)) checkOptionName(table, name, definition.name);
  const [whole, rest] = [true, false].map((wanted) =>
    Object.fromEntries(entries.filter(([name]) => Object.hasOwn(optimizerOptions, name) === wanted)),
  );
  return [readOptions(optimizerOptions, defaults, whole, definition.name), rest];
}

/** The slots that stages need. */
export function usedStageSlots({ ema }: AnyStageOptions, { gradientAccumulationSteps }: WholeOptions): string[] {
  return stageSlots.filter((slot) => (slot === "ema" ? ema !== null : gradientAccumulationSteps > 1));
}

/** Whether a step does anything beside the rule. Scaling gradients is the rule's own. */
export function isStaged(options: AnyStageOptions, whole: WholeOptions): boolean {
  const { clipValue, clipNorm, ema, zeroGrads } = options;
  const { clipGlobalNorm, skipNonFinite, lossScale, gradientAccumulationSteps, diagnostics } = whole;
  const own = clipValue !== null || clipNorm !== null || ema !== null || zeroGrads;
  const shared = clipGlobalNorm !== null || skipNonFinite || lossScale !== null || gradientAccumulationSteps > 1;
  return own || shared || (diagnostics && diagnostics.length > 0);
}

/** Whether the rule has to multiply gradients by anything but 1 or -1. */
export function scalesGradients(
  { gradScale, clipNorm }: AnyStageOptions,
  { clipGlobalNorm, lossScale, gradientAccumulationSteps }: WholeOptions,
): boolean {
  const clips = clipNorm !== null || clipGlobalNorm !== null;
  return gradScale !== 1 || clips || lossScale !== null || gradientAccumulationSteps > 1;
}
