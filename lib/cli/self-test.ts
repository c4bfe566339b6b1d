import type { Backend, BackendGroup, Report, Run, RunStages, Stages } from "../backends/backend.ts";
import type { BackendsHere } from "../backends/select.ts";
import type { StoredArray } from "../numbers/storage.ts";
import { type FloatArray, type NumberType, numberTypes } from "../numbers/typed-array.ts";
import { type AnyRule, flagsOf, variantsOf } from "../rules/rule.ts";

/** The result of one backend's kernels. */
export interface SelfTest {
  readonly backend: Backend["name"];
  readonly isa: string;
  /** The number of kernels that were run. */
  readonly kernels: number;
  /** The kernels that did not leave the reference's bits. */
  readonly different: readonly string[];
}

/** Vectors of every width with a tail, and more than a tile. */
const lengths = [67, 1031];
const steps = 2;
const maxListed = 20;

/** A kernel, or the stages beside it, on a small case. */
interface Case {
  readonly name: string;
  readonly rule: AnyRule;
  readonly type: NumberType;
  readonly variant: number;
  readonly stages?: RunStages;
}

function casesOf(rules: readonly AnyRule[]): Case[] {
  const stages: RunStages = {
    ...{ accumulates: true, applies: true, scale: 0.7, clipValue: 0.6, clipNorm: 2, zeroes: true },
    ...{ averages: true, decay: 0.9, oneMinusDecay: 1 - 0.9 },
  };
  return rules.flatMap((rule) =>
    numberTypes.flatMap((type): Case[] => {
      const variants = variantsOf(rule);
      const kernels = variants.map((variant) => {
        const flags = Object.entries(flagsOf(rule, variant)).map(([flag, choice]) => `${flag}=${choice}`);
        return { name: [rule.name, type, ...flags].join(" "), rule, type, variant };
      });
      const last = variants.at(-1) as number;
      return [...kernels, { name: `${rule.name} ${type} with every stage`, rule, type, variant: last, stages }];
    }),
  );
}

/** A generator over [0, 1), always the same. */
function uniform(): () => number {
  let state = 1;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (state >>> 0) / 4294967296;
  };
}

/** The bits that a case leaves, every NaN being one, and what its stages report. */
interface Outcome {
  readonly arrays: readonly Uint32Array[];
  readonly report: string;
}

function outcomeOf(backend: Backend, { rule, type, variant, stages }: Case): Outcome {
  const next = uniform();
  const ArrayType = (type === "float32" ? Float32Array : Float64Array) as Float64ArrayConstructor;
  const arrays: FloatArray[] = [];
  const make = (length: number, value: () => number): StoredArray => {
    const array = ArrayType.from({ length }, value);
    arrays.push(array);
    return { array, storage: type };
  };
  const signed = () => 2 * next() - 1;
  const group: BackendGroup = {
    ...{ rule, type },
    parameters: lengths.map((length) => {
      const { array: data, storage } = make(length, signed);
      return {
        ...{ data, out: data, storage, source: make(length, () => (next() < 0.1 ? signed() * 1e-39 : signed())) },
        slots: rule.slots.map(() => make(length, next)),
        ...{ average: make(length, signed), accumulated: make(length, signed) },
      };
    }),
  };
  const coefficients = rule.coefficients.map(next);
  const run: Run = { group: 0, variant, coefficients, selection: null, ...(stages && { stages }) };
  const report = {} as Report;
  const measures = { gradNorm: true, nonFinite: true, clipped: true, update: true };
  const all: Stages | undefined = stages && { skipNonFinite: false, clipGlobalNorm: 1, measures, report };
  const bound = backend.bind([group], 1, stages !== undefined);
  if (!bound) throw new Error("Not enough memory for a small case.");
  for (let step = 0; step < steps; step++) bound.step([run], all);
  const reported = Object.entries(report).map(([name, value]) => `${name} ${value}`);
  return {
    arrays: arrays.map((array) => {
      for (let i = 0; i < array.length; i++) if (Number.isNaN(array[i])) array[i] = Number.NaN;
      return new Uint32Array(array.buffer);
    }),
    report: reported.sort().join(),
  };
}

const isSame = (a: Outcome, b: Outcome) =>
  a.report === b.report && a.arrays.every((words, i) => words.every((word, w) => word === b.arrays[i]?.[w]));

/** Runs every kernel of every backend here on a small case, and compares its bits with the reference's. */
export function selfTest(rules: readonly AnyRule[], { reference, others }: BackendsHere): SelfTest[] {
  const different = others.map((): string[] => []);
  const cases = casesOf(rules);
  for (const one of cases) {
    const expected = outcomeOf(reference, one);
    others.forEach((backend, i) => {
      if (!isSame(outcomeOf(backend, one), expected)) different[i]?.push(one.name);
    });
  }
  return others.map(({ name, isa }, i) => ({
    ...{ backend: name, isa, kernels: cases.length, different: different[i] as string[] },
  }));
}

/** Merges the tests of each instruction set, which may have had several backends. A mistake of one of them counts. */
export function byInstructionSet(tests: readonly SelfTest[]): SelfTest[] {
  const sets = new Map<string, SelfTest>();
  for (const test of tests) {
    const key = `${test.backend} ${test.isa}`;
    const different = new Set([...(sets.get(key)?.different ?? []), ...test.different]);
    sets.set(key, { ...test, different: [...different] });
  }
  return [...sets.values()];
}

/** A list, cut where it is too long to print. */
export function listed(names: readonly string[]): string[] {
  const rest = names.length - maxListed;
  return rest > 0 ? [...names.slice(0, maxListed), `and ${rest} more`] : [...names];
}
