import { maxSums } from "../../lib/backends/limits.ts";
import { makeGradient } from "../../lib/backends/made-source.ts";
import type { Arithmetic } from "../../lib/numbers/arithmetic.ts";
import type { NumberType } from "../../lib/numbers/typed-array.ts";
import { type AnyRule, type Element, flagsOf, usedSlots } from "../../lib/rules/rule.ts";

const node = (operation: string, ...operands: string[]) => `(${[operation, ...operands].join(" ")})`;

/** Arithmetic over symbols: a value is the expression that makes it, as test/native/trace.cpp writes it. */
function symbols(type: NumberType): Arithmetic<string> {
  return {
    constant: (value) => String(value),
    neg: (a) => node("neg", a),
    add: (a, b) => node("add", a, b),
    sub: (a, b) => node("sub", a, b),
    mul: (a, b) => node("mul", a, b),
    div: (a, b) => node("div", a, b),
    sqrt: (a) => node("sqrt", a),
    selectLess: (a, b, x, y) => node("selectLess", a, b, x, y),
    multiplyAdd: (a, b, c) => (type === "float32" ? node("fma", a, b, c) : node("add", node("mul", a, b), c)),
  };
}

/** What one variant of a rule leaves of an element, a line as test/native/trace.cpp prints it. */
export function trace(rule: AnyRule, type: NumberType, variant: number): string {
  const used = usedSlots(rule, variant);
  const x: Element<string> = { param: "param", grad: "grad", ...Object.fromEntries(used.map((slot) => [slot, slot])) };
  const coefficients = Object.fromEntries(rule.coefficients.map((name: string) => [name, `$${name}`]));
  rule.apply(symbols(type), flagsOf(rule, variant), x, coefficients);
  const results = ["param", ...used].map((name) => `${name} = ${x[name]}`);
  return `${rule.name} ${type} ${variant}: ${results.join("; ")}`;
}

const rows = 5;
const columns = 3;
const batch = 7;
const size = rows * columns;

/** What test/native/trace.cpp makes gradients of: a letter for each part, the divisor, the first element and the end. */
export const tracedSources: readonly (readonly [parts: string, divisor: number, begin: number, end: number])[] = [
  ...Array.from({ length: 17 }, (_, i) => ["a".repeat(i + 1), 1, 0, size] as const),
  ["a".repeat(64), 1, 7, 8],
  ["f", 1, 0, size],
  ["f", 1, 2, 13],
  ["b", 1, 0, size],
  ["aaa", 3, 0, size],
  ["fabaf", 5, 4, 11],
];

/** The elements of a gradient that is made of an array "a", factors "f" or those of a bias "b" for each part. */
export function traceSource([parts, divisor, begin, end]: (typeof tracedSources)[number], type: NumberType): string {
  const named = (name: string, count: number) => Array.from({ length: count }, (_, i) => `${name}${i}`);
  const source = {
    divisor,
    parts: [...parts].map((kind, p) => {
      if (kind === "a") return { array: named(`a.${p}.`, size) };
      const left = kind === "f" ? named(`x.${p}.`, batch * rows) : null;
      const right = named(`y.${p}.`, batch * size);
      return { left, right, batch, ...(left ? { rows, columns } : { rows: 1, columns: size }) };
    }),
  };
  const sums = Array.from({ length: maxSums }, () => named("unset ", size));
  makeGradient(sums, source, symbols(type), begin, end - begin);
  const made = (sums[0] as string[]).slice(0, end - begin);
  return `source ${parts}/${divisor} ${begin}-${end} ${type}: ${made.join("; ")}`;
}
