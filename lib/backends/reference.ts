import { type Arithmetic, float32, float64 } from "../arithmetic.ts";
import { type AnyRule, type Flags, flagsOf, usedSlots } from "../rule.ts";
import { bufferOf, byteOffsetOf, type FloatArray, lengthOf, type NumberType } from "../typed-array.ts";
import type { Backend, BackendGroup, ParameterArrays } from "./backend.ts";

const arithmetics: Readonly<Record<NumberType, Arithmetic<number>>> = { float32, float64 };

type Scalars = Record<string, number>;

/** The rule's coefficients by name, in the number type of the parameters. */
function finished(rule: AnyRule, values: Float64Array, arithmetic: Arithmetic<number>): Scalars {
  const entries = rule.coefficients.map((name: string, i: number) => [name, arithmetic.constant(values[i] as number)]);
  return Object.fromEntries(entries);
}

function stepParameter(
  rule: AnyRule,
  arithmetic: Arithmetic<number>,
  flags: Flags,
  c: Scalars,
  { data, grad, slots }: ParameterArrays,
  used: readonly string[],
): void {
  if (!grad) return;
  const arrays = used.map((slot) => slots[rule.slots.indexOf(slot)] as FloatArray);
  const x: { param: number; grad: number } & Scalars = { param: 0, grad: 0 };
  for (const slot of used) x[slot] = 0;
  const length = lengthOf(data);
  for (let i = 0; i < length; i++) {
    x.param = data[i] as number;
    x.grad = grad[i] as number;
    for (let s = 0; s < used.length; s++) x[used[s] as string] = (arrays[s] as FloatArray)[i] as number;
    rule.apply(arithmetic, flags, x, c);
    for (let s = 0; s < used.length; s++) (arrays[s] as FloatArray)[i] = x[used[s] as string] as number;
    data[i] = x.param;
  }
}

/** The same rules in TypeScript, one element at a time: what every other backend must equal, and what runs without one. */
export function createReference(): Backend {
  // Buffers get addresses far apart, in the order in which they are first seen.
  const addresses = new WeakMap<ArrayBufferLike, number>();
  let nextAddress = 0;
  return {
    name: "reference",
    isa: "none",
    threads: 1,
    setThreads() {},

    allocate(byteLength) {
      try {
        return new ArrayBuffer(byteLength);
      } catch {
        return undefined;
      }
    },

    release(buffer) {
      structuredClone(buffer, { transfer: [buffer] });
    },

    address(array) {
      const buffer = bufferOf(array);
      let address = addresses.get(buffer);
      if (address === undefined) {
        address = nextAddress;
        addresses.set(buffer, address);
        nextAddress += 2 ** 36;
      }
      return address + byteOffsetOf(array);
    },

    bind(groups: readonly BackendGroup[]) {
      return {
        step(runs) {
          for (const { group, variant, coefficients, selection } of runs) {
            const { rule, type, parameters } = groups[group] as BackendGroup;
            const arithmetic = arithmetics[type];
            const flags = flagsOf(rule, variant);
            const used = usedSlots(rule, variant);
            const c = finished(rule, coefficients, arithmetic);
            const count = selection ? selection.length : parameters.length;
            for (let i = 0; i < count; i++) {
              const parameter = parameters[selection ? (selection[i] as number) : i] as ParameterArrays;
              stepParameter(rule, arithmetic, flags, c, parameter, used);
            }
          }
        },
      };
    },
  };
}
