import { type Arithmetic, float32, float64 } from "../arithmetic.ts";
import { type AnyRule, type Flags, flagsOf } from "../rule.ts";
import { lengthOf, type NumberType } from "../typed-array.ts";
import type { Backend, BackendGroup, ParameterArrays, Run } from "./backend.ts";
import { createHeap } from "./heap.ts";

/** The most slots that a rule may have, as in native/backend.hpp. */
export const maxSlots = 4;

const arithmetics: Readonly<Record<NumberType, Arithmetic<number>>> = { float32, float64 };

type Scalars = Record<string, number>;

/** The rule's coefficients by name, in the number type of the parameters. */
function finished(rule: AnyRule, values: readonly number[], arithmetic: Arithmetic<number>): Scalars {
  const entries = rule.coefficients.map((name: string, i: number) => [name, arithmetic.constant(values[i] as number)]);
  return Object.fromEntries(entries);
}

function stepParameter(
  rule: AnyRule,
  arithmetic: Arithmetic<number>,
  flags: Flags,
  c: Scalars,
  { data, out, grad, slots }: ParameterArrays,
): void {
  // No loop over the slots: with one name to each place, engines read and write them as fields.
  const [s0 = "", s1 = "", s2 = "", s3 = ""]: readonly string[] = rule.slots;
  const arrayOf = (slot: string, i: number) => (slot !== "" && rule.uses(flags, slot) ? slots[i] : undefined);
  const a0 = arrayOf(s0, 0);
  const a1 = arrayOf(s1, 1);
  const a2 = arrayOf(s2, 2);
  const a3 = arrayOf(s3, 3);
  const x: { param: number; grad: number } & Scalars = { param: 0, grad: 0 };
  for (const slot of rule.slots) x[slot] = 0;
  const length = lengthOf(data);
  for (let i = 0; i < length; i++) {
    x.param = data[i] as number;
    x.grad = grad[i] as number;
    if (a0) x[s0] = a0[i] as number;
    if (a1) x[s1] = a1[i] as number;
    if (a2) x[s2] = a2[i] as number;
    if (a3) x[s3] = a3[i] as number;
    rule.apply(arithmetic, flags, x, c);
    if (a0) a0[i] = x[s0] as number;
    if (a1) a1[i] = x[s1] as number;
    if (a2) a2[i] = x[s2] as number;
    if (a3) a3[i] = x[s3] as number;
    out[i] = x.param;
  }
}

/** The same rules in TypeScript, one element at a time: what every other backend must equal, and what runs without one. */
export function createReference(): Backend {
  return {
    name: "reference",
    isa: "none",
    threads: 1,
    setThreads() {},
    ...createHeap(),

    bind(first: readonly BackendGroup[]) {
      let groups = first;
      const step = (runs: readonly Run[]) => {
        for (const { group, variant, coefficients, selection } of runs) {
          const { rule, type, parameters } = groups[group] as BackendGroup;
          const arithmetic = arithmetics[type];
          const flags = flagsOf(rule, variant);
          const c = finished(rule, coefficients, arithmetic);
          const count = selection ? selection.length : parameters.length;
          for (let i = 0; i < count; i++) {
            const parameter = parameters[selection ? (selection[i] as number) : i] as ParameterArrays;
            stepParameter(rule, arithmetic, flags, c, parameter);
          }
        }
      };
      return {
        rebind(others) {
          groups = others;
          return true;
        },
        step,
        async stepAsync(runs) {
          step(runs);
        },
      };
    },
  };
}
