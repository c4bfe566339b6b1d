import { isRecord } from "../values/values.ts";
import { decay32, finite32, kept32, positive32 } from "./number-domains.ts";
import { type Float32Domain, fraction, isRate, nonNegative, type OptionSpec } from "./option.ts";

/** Options of 0 or more. In float32 the first has to be finite; the second must not become 0 either, unless it is 0. */
export const finite = (value: number): OptionSpec => ({ ...nonNegative(value), float32: finite32 });

export const kept = (value: number): OptionSpec => ({ ...nonNegative(value), float32: kept32 });

/** The decay of an average, which takes in `1 - decay` of each new value. */
export const decay = (value: number): OptionSpec => ({ ...fraction(value), float32: decay32 });

/** A decay whose power a bias correction subtracts from 1, to divide by what is left. */
export const correctedDecay = (value: number): OptionSpec => ({
  default: value,
  domain: "a number from 0 to less than 1",
  accepts: (found) => isRate(found) && found < 1,
  float32: { domain: "below 0.9999999701976776", accepts: (found) => Math.fround(found as number) < 1 },
});

/** A frozen copy of an object's own properties that are not undefined, over others; what is no object stays as it is. */
export function copyRecord(found: unknown, over: object = {}): unknown {
  if (!isRecord(found)) return found;
  const given = Object.entries(found).filter(([, value]) => value !== undefined);
  return Object.freeze({ ...over, ...Object.fromEntries(given) });
}

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

export const isPositive = (value: unknown): value is number => isRate(value) && value > 0;

export const positive = (value: number): OptionSpec => ({
  default: value,
  domain: "a finite number above 0",
  accepts: isPositive,
  float32: positive32,
});

export const limit: OptionSpec = {
  default: null,
  domain: "a finite number above 0, or null",
  accepts: (found) => found === null || isPositive(found),
  float32: { ...positive32, domain: `null, or ${positive32.domain}` },
};

export const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 1;
