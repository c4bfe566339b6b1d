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
