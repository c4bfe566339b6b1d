import type { Definition } from "../../lib/definition.ts";
import type { Arithmetic } from "../../lib/numbers/arithmetic.ts";
import { rows } from "./optimizers/all.ts";

/** An expression as people write it. A result that is stored in a slot is that slot's name from then on. */
interface Node {
  text: string;
  /** 1 for a sum, 2 for a product, 3 for what needs no brackets. */
  rank: number;
  readonly value?: number;
}

const atom = (text: string): Node => ({ text, rank: 3 });
const inside = (node: Node, rank: number) => (node.rank < rank ? `(${node.text})` : node.text);
const binary = (operator: string, rank: number) => (a: Node, b: Node) => ({
  text: `${inside(a, rank)} ${operator} ${inside(b, rank + 1)}`,
  rank,
});
const plus = binary("+", 1);
const minus = binary("-", 1);
const times = binary("*", 2);
const over = binary("/", 2);

/** Leaves out what changes no bit, `x * 1`, `x + (-0)` and a limit at 0 of what is no difference, and writes `-1 * x` as `-x`. */
const infix: Arithmetic<Node> = {
  constant: (value) => ({ ...atom(String(value)), value }),
  neg: (a) => (a.value === undefined ? { text: `-${inside(a, 3)}`, rank: 2 } : infix.constant(-a.value)),
  add: (a, b) => (Object.is(b.value, -0) ? a : plus(a, b)),
  sub: minus,
  mul(a, b) {
    if (a.value === -1) return infix.neg(b);
    return a.value === 1 ? b : b.value === 1 ? a : times(a, b);
  },
  div: over,
  sqrt: (a) => atom(`sqrt(${a.text})`),
  selectLess(a, b, x, y) {
    if (a === y && b.value === 0 && x.value === 0) return a.rank === 1 ? atom(`max(${a.text}, 0)`) : a;
    return { text: `${inside(a, 2)} < ${inside(b, 2)} ? ${inside(x, 2)} : ${inside(y, 2)}`, rank: 0 };
  },
  multiplyAdd(a, b, c) {
    if (a.value === -1) return minus(c, b); // rounded once as it is
    return atom(`fma(${a.text}, ${b.text}, ${c.text})`);
  },
};

/** As docstrings and people write a value. */
export function written(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(written).join(", ")}]`;
  return typeof value === "number" && value !== 0 && value < 1e-4 ? value.toExponential() : String(value);
}

/** Coefficients of several rules by the options that they are made of. */
const common: Readonly<Record<string, string>> = {
  epsIn: "eps",
  epsOut: "eps",
  lrIn: "lr",
  lrOut: "lr",
  decayRate: "lr",
  paramDecay: "(1 - lr * weightDecay)",
};

/** As people write a coefficient: `oneMinusAlpha` as `(1 - alpha)`. */
function writtenCoefficient(name: string, names: Readonly<Record<string, string>>): string {
  const [, option] = /^oneMinus([A-Z]\w*)$/.exec(name) ?? [];
  if (option !== undefined) return `(1 - ${option.charAt(0).toLowerCase()}${option.slice(1)})`;
  return names[name] ?? name;
}

/** What a step stores with these options: each slot's new value, in order, then the parameter's, as text. */
export function writtenStep<O extends object>(definition: Definition<O>, options: Required<O>): Map<string, string> {
  const values = definition.coefficients(options, 0.0123, 2, "float64");
  const names = { ...common, ...rows.find((row) => row.definition.rule === definition.rule && row.rule)?.written };
  const coefficients = Object.fromEntries(
    Object.entries(values).map(([name, value]) => [
      name,
      name === "leastVariance"
        ? infix.constant(0) // what is more changes no bit
        : value === 1 || value === -1 || Object.is(value, -0)
          ? infix.constant(value)
          : atom(writtenCoefficient(name, names)),
    ]),
  );
  const lines = new Map<string, string>();
  const arrays = ["param", "grad", ...definition.rule.slots];
  const stored = Object.fromEntries(arrays.map((name) => [name, atom(name)]));
  const element = new Proxy(stored, {
    set(target, name: string, node: Node) {
      lines.set(name, node.text);
      Object.assign(node, atom(name));
      target[name] = node;
      return true;
    },
  });
  definition.rule.apply(infix, definition.flags(options), element as never, coefficients);
  return lines;
}
