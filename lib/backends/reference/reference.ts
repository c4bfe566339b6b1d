import { type Arithmetic, float32, float64 } from "../../numbers/arithmetic.ts";
import type { StoredArray } from "../../numbers/storage.ts";
import { type FloatArray, lengthOf, type NumberType } from "../../numbers/typed-array.ts";
import { type AnyRule, flagsOf } from "../../rules/rule.ts";
import type { Backend, BackendGroup, ParameterArrays, Run, Stages } from "../backend.ts";
import { Halves } from "../halves.ts";
import { createHeap } from "../heap.ts";
import { maxSums, tileSize } from "../limits.ts";
import { makeGradient, zeroMade } from "../made-source.ts";
import { StagedStep, type Stream, type TileStages } from "../pipeline.ts";
import { type ArraySource, type GradientSource, isMade } from "../source.ts";
import { StageMemory } from "../stage-memory.ts";
import {
  accumulate,
  applyRule,
  averageIn,
  clip,
  countAbove,
  countNonFinite,
  type Range,
  type Scalars,
  store,
  sumOfSquares,
  zero,
} from "./stages.ts";

const arithmetics: Readonly<Record<NumberType, Arithmetic<number>>> = { float32, float64 };

/** The rule's coefficients by name, in the number type of the parameters. */
function finished(rule: AnyRule, values: readonly number[], arithmetic: Arithmetic<number>): Scalars {
  const entries = rule.coefficients.map((name: string, i: number) => [name, arithmetic.constant(values[i] as number)]);
  return Object.fromEntries(entries);
}

const whole = (array: FloatArray): Range => ({ array, begin: 0 });

/** The stages over the arrays where they lie. */
export function createTiles(): TileStages {
  const scratch = {
    float32: { grad: new Float32Array(tileSize), param: new Float32Array(tileSize) },
    float64: { grad: new Float64Array(tileSize), param: new Float64Array(tileSize) },
  };
  /** Gradients that are made lie in the first, sums that they are made of in the others. */
  const sums = {
    float32: Array.from({ length: maxSums }, () => new Float32Array(tileSize)),
    float64: Array.from({ length: maxSums }, () => new Float64Array(tileSize)),
  };
  let parameter: ParameterArrays;
  let type: NumberType;
  let begin = 0;
  let count = 0;

  const gradient = (source: GradientSource): Range =>
    isMade(source) ? whole(sums[type][0] as FloatArray) : { array: source.array, begin };

  const at = (stream: Stream): Range => {
    if (stream === "gradScratch") return whole(scratch[type].grad);
    if (stream === "paramScratch") return whole(scratch[type].param);
    const { out, source, average, accumulated } = parameter;
    if (stream === "param") return { array: out, begin };
    if (stream === "grad") return gradient(source);
    return { array: ({ average, accumulated }[stream] as StoredArray).array, begin };
  };

  return {
    enter(entered, ofType, first, end) {
      parameter = entered;
      type = ofType;
      begin = first;
      count = end - first;
      if (isMade(parameter.source)) makeGradient(sums[type], parameter.source, arithmetics[type], begin, count);
    },
    leave() {},
    rule({ rule }, variant, coefficients, grad, to) {
      const arithmetic = arithmetics[type];
      const c = finished(rule, coefficients, arithmetic);
      const { data, slots } = parameter;
      const flags = flagsOf(rule, variant);
      applyRule(rule, arithmetic, flags, c, data, slots, begin, begin + count, at(grad), at(to));
    },
    sumOfSquares: (x) => sumOfSquares(at(x), count),
    countNonFinite: (x) => countNonFinite(at(x), count),
    countAbove: (x, scale, limit) => countAbove(arithmetics[type], at(x), count, scale, limit),
    accumulate(to, scale) {
      accumulate(arithmetics[type], at(to), at("accumulated"), at("grad"), count, scale);
    },
    clip(to, from, scale, limit) {
      clip(arithmetics[type], at(to), at(from), count, scale, limit);
    },
    store() {
      const before = { array: parameter.data, begin };
      return store(arithmetics[type], at("param"), before, at("paramScratch"), count);
    },
    averageIn(decay, oneMinusDecay) {
      averageIn(arithmetics[type], at("average"), at("param"), count, decay, oneMinusDecay);
    },
    zero(x) {
      if (x === "grad" && isMade(parameter.source)) zeroMade(parameter.source, begin, begin + count);
      else zero(at(x), count);
    },
  };
}

/** The same rules in TypeScript, one element at a time: what every other backend must equal, and what runs without one. */
export function createReference(): Backend {
  return {
    name: "reference",
    isa: "none",
    threads: 1,
    setThreads() {},
    ...createHeap(),

    bind(first: readonly BackendGroup[], _runCapacity: number, staged = false) {
      const memory = staged ? StageMemory.create(first) : undefined;
      if (staged && !memory) return undefined;
      let groups = first;
      const halves = new Halves();
      const step = (runs: readonly Run[], stages?: Stages) => {
        if (stages) {
          new StagedStep(groups, runs, stages, createTiles(), memory as StageMemory).take();
          return;
        }
        for (const { group, variant, coefficients, selection } of runs) {
          const { rule, type, parameters } = groups[group] as BackendGroup;
          const arithmetic = arithmetics[type];
          const flags = flagsOf(rule, variant);
          const c = finished(rule, coefficients, arithmetic);
          const count = selection ? selection.length : parameters.length;
          for (let i = 0; i < count; i++) {
            const { data, out, source, slots } = parameters[
              selection ? (selection[i] as number) : i
            ] as ParameterArrays;
            const length = lengthOf(data);
            applyRule(
              rule,
              arithmetic,
              flags,
              c,
              data,
              slots,
              0,
              length,
              whole((source as ArraySource).array),
              whole(out),
            );
          }
        }
      };
      return {
        rebind(others) {
          if (memory && !memory.holds(others)) return false;
          groups = others;
          return true;
        },
        step,
        async stepAsync(runs, _kept, _buffers, stages) {
          step(runs, stages);
        },
        async measureAsync(step, _kept, _buffers, table) {
          halves.measure(groups, step, createTiles(), table);
        },
        decide(step, before) {
          halves.decide(groups, step, createTiles(), before);
        },
        async changeAsync(step, _kept, _buffers, after) {
          halves.change(groups, step, createTiles(), after);
        },
        finishReport(step, after) {
          halves.report(groups, step, createTiles(), after);
        },
      };
    },
  };
}
