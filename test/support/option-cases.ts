// What options are given by, and those of an optimizer as a whole.
import type { NumberType } from "../../lib/numbers/typed-array.ts";
import { arraysOf, parameter, train, type Witness } from "./arrays.ts";
import { type AnyOptimizer, classOf } from "./classes.ts";
import { badNumbers, boolean, epsilon, infinity, limit, most, nan, type OptionCase } from "./option-kinds.ts";

const badScales = [
  ...[nan, 65536, true, "1", () => null, [65536], 1n, Symbol("1")],
  ...[{ initial: 0 }, { initial: infinity }, { initial: 1e300 }, { initial: 1e-300 }, { initial: 2 ** 128 }],
  ...[{ initial: 2 ** -127 }],
  ...[{ growthFactor: 0.5 }, { backoffFactor: 0 }, { backoffFactor: 1 }],
  ...[{ growthInterval: 0 }, { growthInterval: 1.5 }, { growthInterval: "2" }, { init: 2 }, { initial: null }],
];

/** Those of an optimizer as a whole. */
export const optimizerOptionCases: Readonly<Record<string, OptionCase>> = {
  clipGlobalNorm: limit,
  skipNonFinite: boolean(false),
  lossScale: {
    default: null,
    domain: "null, {} for the defaults, or { initial, growthFactor, backoffFactor, growthInterval }",
    good: [
      null,
      {},
      { initial: 2 ** -126 },
      { initial: 2 ** 127 },
      { growthFactor: 1, backoffFactor: 1 - epsilon, growthInterval: 1 },
    ],
    bad: badScales,
  },
  gradientAccumulationSteps: {
    default: 1,
    domain: "a whole number of 1 or more",
    good: [1, 2, Number.MAX_SAFE_INTEGER],
    bad: [0, 0.5, 1.5, most, ...badNumbers],
  },
  diagnostics: {
    default: false,
    domain: "true, false, or a list of",
    good: [true, false, [], ["gradNorm"], ["updateNorm", "largestUpdate", "clipped", "nonFinite"]],
    bad: [0, 1, nan, "gradNorm", null, {}, ["gradnorm"], [1], [undefined], 1n, Symbol("1"), () => true],
  },
};

/** One way to give options. */
export interface Way {
  give(given: object): AnyOptimizer;
  /** What must not change where they are refused. */
  readonly witnesses: readonly Witness[];
}

/**
 * The ways to give an optimizer options; each sets up what there is before.
 * @param base Options that are there before.
 */
export function waysOf(
  name: string,
  base: object,
  type: NumberType = "float32",
): readonly (readonly [string, () => Way])[] {
  const Class = classOf(name);
  const running = (steps = 2) => {
    const p = parameter("x", 5, type);
    const optimizer = new Class([p], base);
    train(optimizer, [p], steps);
    return { p, optimizer };
  };
  return [
    [
      "in the constructor",
      () => {
        const p = parameter("x", 5, type);
        return { give: (given) => new Class([p], given), witnesses: arraysOf([p]) };
      },
    ],
    [
      "in a group of the constructor",
      () => {
        const p = parameter("x", 5, type);
        return { give: (given) => new Class([{ params: [p], ...given }], base), witnesses: arraysOf([p]) };
      },
    ],
    [
      "by addParamGroup",
      () => {
        const { p, optimizer } = running();
        const y = parameter("y", 3, type);
        const give = (given: object) => {
          optimizer.addParamGroup({ params: [y], ...given });
          return optimizer;
        };
        return { give, witnesses: [...arraysOf([p, y]), optimizer] };
      },
    ],
    ...[0, 2].map((steps): readonly [string, () => Way] => [
      steps === 0 ? "set in paramGroups before the first step" : "set in paramGroups",
      () => {
        const { p, optimizer } = running(steps);
        const give = (given: object) => {
          Object.assign(optimizer.paramGroups[0] as object, given);
          return optimizer;
        };
        return { give, witnesses: [...arraysOf([p]), optimizer] };
      },
    ]),
  ];
}

/** A value as errors show it. */
export function shownInErrors(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "symbol" || typeof value === "function") return `a ${typeof value}`;
  if (Array.isArray(value)) return "an array";
  if (typeof value !== "object" || value === null) return String(value);
  const { name } = value.constructor;
  return name === "Object" ? "an object" : `a ${name}`;
}
