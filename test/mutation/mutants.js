// Finds the sites of mutations: operations, comparisons, constants and coefficients that are at the same place in the same
// expression of both twins. Each becomes a call of a function that, by a number, does what is written or a mutation of it.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { bodyOf, expressionsOf } from "./parse.js";
import { twins } from "./twins.js";

const camel = (name) => name.replace(/_([a-z\d])/g, (_, letter) => letter.toUpperCase());

/** What mutations of an operation leave of it; a, b, … are its operands. */
export const alternatives = {
  add: ["a - b", "a", "b"],
  sub: ["a + b", "b - a", "a"],
  mul: ["a / b", "a", "b"],
  div: ["a * b", "a", "b / a"],
  neg: ["a"],
  sqrt: ["a"],
  abs: ["a"],
  selectLess: ["b < a ? c : d", "a <= b ? c : d", "c", "d"],
  multiplyAdd: ["unfused", "-a * b + c", "a * b", "c"],
  limit: ["a", "only from below", "only from above"],
  sign: ["-sign(a)", "a"],
  less: ["a <= b", "b < a", "true", "false"],
  and: ["a", "b"],
  not: ["a"],
  greater: ["a >= b", "b > a", "true", "false"],
  literal: ["another constant"],
  coefficient: ["another coefficient"],
};

const number = (literal) =>
  Number(literal.replace(/n$/, "")) || (literal.startsWith("0x1p") ? 2 ** Number(literal.slice(4)) : 0);

const another = (literal) => ({ 0: 1, 1: 2, "-1": 1, 0.5: 0.25 })[number(literal)] ?? number(literal) * 2;

/** A tree as text, in which twins are compared: what is mutated is named, all else is alike. */
function keyOf(node) {
  if (node.op === "paren" || node.op === "cast") return node.args.length === 1 ? keyOf(node.args[0]) : "_";
  if (node.literal !== undefined) return String(number(node.literal));
  if (node.coefficient) return `$${camel(node.coefficient)}`;
  if (node.op === null) return "_";
  if (node.op === "cond") return `cond(${node.args.slice(1).map(keyOf).join(" ")})`;
  return `${node.op}(${node.args.map(keyOf).join(" ")})`;
}

/** All nodes of a tree that stand for something, in order. */
function nodesOf(node) {
  if (node.op === "paren" || node.op === "cast") return node.args.flatMap(nodesOf);
  if (node.op === "cond") return node.args.slice(1).flatMap(nodesOf);
  return [node, ...node.args.flatMap(nodesOf)];
}

/** Pairs of equal keys, as many as there can be without a change of the order. */
function align(a, b) {
  const table = Array.from({ length: a.length + 1 }, () => new Array(b.length + 1).fill(0));
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      table[i][j] = a[i] === b[j] ? table[i + 1][j + 1] + 1 : Math.max(table[i + 1][j], table[i][j + 1]);
    }
  }
  const pairs = [];
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    if (a[i] === b[j] && table[i][j] === table[i + 1][j + 1] + 1) pairs.push([i++, j++]);
    else if (table[i + 1][j] >= table[i][j + 1]) i++;
    else j++;
  }
  return pairs;
}

const flagConditions = /\bflags\b|\btype\b/;

/**
 * Both twins of a pair: their sites and what has no site in the other.
 * @returns {{sites: object[], alone: {side: string, text: string}[]}}
 */
function sitesOf(root, twin) {
  const sides = ["native", "script"].map((side) => {
    const [file, heading] = twin[side];
    const text = readFileSync(join(root, file), "utf8");
    const expressions = expressionsOf(text, bodyOf(text, heading)).filter(({ op, start, end }) => {
      const own = text.slice(start, end);
      return !(/less|equal|not|and|or/.test(op ?? "") && flagConditions.test(own)) && (twin.only?.test(own) ?? true);
    });
    const keys = expressions.map((node) =>
      node.literal !== undefined ? `${camel(node.name)}=${keyOf(node)}` : keyOf(node),
    );
    return { side, file, text, expressions, keys };
  });
  const [native, script] = sides;
  const pairs = align(native.keys, script.keys);
  const sites = pairs.flatMap(([i, j]) => {
    const nodes = nodesOf(native.expressions[i]);
    const others = nodesOf(script.expressions[j]);
    return nodes.flatMap((node, n) => {
      const kind = node.literal !== undefined ? "literal" : node.coefficient ? "coefficient" : node.op;
      if (!alternatives[kind] || (kind === "coefficient" && !twin.rule)) return [];
      return [{ kind, native: node, script: others[n] }];
    });
  });
  const alone = sides.flatMap(({ side, text, expressions, keys }, s) => {
    const matched = new Set(pairs.map((pair) => pair[s]));
    return expressions
      .map((node, i) => ({ side, key: keys[i], text: text.slice(node.start, node.end).replace(/\s+/g, " "), i }))
      .filter(({ i, key }) => !matched.has(i) && /[a-zA-Z]\(|=/.test(key))
      .map(({ side, text }) => ({ twin: twin.name, side, text }));
  });
  return { sites, alone, texts: { native, script } };
}

const place = ({ start, end }) => `${start} ${end}`;

/** The names of a rule's coefficients, by its signature in C++. */
function coefficientsOf(text) {
  const joined = text.replace(/"\s*\n\s*"/g, "");
  return /coefficients: ([\w ]+)"/.exec(joined)?.[1].split(" ") ?? [];
}

/**
 * Every mutant, and the text of each file in which all of them are.
 * @param root The checkout.
 */
export function mutantsOf(root) {
  const mutants = [];
  const alone = [];
  const edits = new Map();
  const names = new Map();
  for (const twin of twins) {
    const found = sitesOf(root, twin);
    alone.push(...found.alone);
    const coefficients = twin.rule ? coefficientsOf(found.texts.native.text) : [];
    for (const site of found.sites) {
      const first = mutants.length + 1;
      const { kind } = site;
      const { text } = found.texts.native;
      const at = text.slice(site.native.start, site.native.end).replace(/\s+/g, " ");
      const name = site.native.coefficient ? camel(site.native.coefficient) : "";
      const next = coefficients[(coefficients.indexOf(name) + 1) % coefficients.length];
      for (const change of alternatives[kind]) {
        const to =
          kind === "literal" ? String(another(site.native.literal)) : kind === "coefficient" ? `c.${next}` : change;
        const base = `${twin.name}: ${at} → ${to}`;
        const times = (names.get(base) ?? 0) + 1;
        names.set(base, times);
        const line = text.slice(0, site.native.start).split("\n").length;
        const mutant = {
          id: mutants.length + 1,
          name: times > 1 ? `${base} (${times})` : base,
          kind,
          twin: twin.name,
          line,
        };
        mutants.push({ ...mutant, judges: twin.judges, ...(twin.isa ? { isa: twin.isa } : {}) });
      }
      for (const heading of twin.also ?? []) {
        // The same operation at further places of the native twin.
        for (const node of expressionsOf(text, bodyOf(text, heading)).flatMap(nodesOf)) {
          const same = { node, kind, first, side: "native", next };
          if (node.op === kind)
            edits.get(twin.native[0])?.set(place(node), same) ??
              edits.set(twin.native[0], new Map([[place(node), same]]));
        }
      }
      for (const side of ["native", "script"]) {
        const { file } = found.texts[side];
        const list = edits.get(file) ?? new Map();
        edits.set(file, list);
        list.set(place(site[side]), { node: site[side], kind, first, side, next });
      }
    }
  }
  const files = new Map(
    [...edits].map(([file, list]) => [file, rewritten(readFileSync(join(root, file), "utf8"), file, list)]),
  );
  return { mutants, alone, files };
}

const snake = (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`).replace(/^_/, "");

/** A file with a call at each of its sites. */
function rewritten(text, file, sites) {
  const byPlace = [...sites.values()].sort((a, b) => a.node.start - b.node.start || b.node.end - a.node.end);

  /** The text from `start` to `end`, in which sites within are rewritten, except `but`. */
  function emit(start, end, but) {
    let out = "";
    let at = start;
    for (const site of byPlace) {
      const { node } = site;
      if (
        site === but ||
        node.start < at ||
        node.end > end ||
        (node.start === but?.node.start && node.end === but?.node.end)
      ) {
        continue;
      }
      out += text.slice(at, node.start) + call(site);
      at = node.end;
    }
    return out + text.slice(at, end);
  }

  function call(site) {
    const { node, kind, first, side, next } = site;
    const isNative = side === "native";
    const own = isNative ? "rmsprop::mutation::" : "$m.";
    if (kind === "literal") {
      const written = text.slice(node.start, node.end);
      const other = another(node.literal);
      return `${own}either(${first}, ${written}, ${written.replace(node.literal, String(other))})`;
    }
    if (kind === "coefficient") {
      return `${own}either(${first}, ${text.slice(node.start, node.end)}, c.${isNative ? snake(next) : next})`;
    }
    const operands = node.args.map((arg) => emit(arg.start, arg.end, site));
    const name = functions[kind] ?? kind;
    if (isNative) {
      const callee = node.style === "call" ? node.callee : undefined;
      const applied = callee ? [`[](auto... x) { return ${callee}(x...); }`] : [];
      const helper = kind === "sqrt" || kind === "abs" ? "unary" : name;
      const called = `${own}${helper}(${[first, ...operands, ...applied].join(", ")})`;
      return node.style === "assign" ? `${operands[0]} = ${called}` : called;
    }
    const called = `${own}${name}(${[ownerOf(node), first, ...operands].join(", ")})`;
    return node.style === "assign" ? `${operands[0]} = ${called}` : called;
  }

  const mutated = emit(0, text.length, undefined);
  return /\.ts$/.test(file) ? named(mutated, file) : mutated;
}

/** Names the arithmetic that functions take apart, and imports what stands at sites. */
function named(text, file) {
  const up = "../".repeat(file.split("/").length - 2) || "./";
  const taken = text
    .replace(/(\n {2}apply\()(\{[^{}]*\})(, flags, x, c\) \{)/, "$1$$a$3 const $2 = $$a;")
    .replace(/(\n {2}apply\()a(, flags, x, c\) \{)/, "$1$$a$2 const a = $$a;")
    .replace(
      /(function \w+<T>\((?:[^{}()]|\{ left[^{}]*\})*)(\{[^{}]*\bselectLess\b[^{}]*\}|\{ constant, add, mul \})(: Arithmetic<T>,[^{}]*\{)/g,
      "$1$$a$3 const $2 = $$a;",
    );
  return `import * as $m from "${up}mutation.ts";\n${taken}`;
}

/** Functions of mutation.hpp and mutation.ts, where they are not called as the operation. */
const functions = { selectLess: "select", multiplyAdd: "fused", and: "both", not: "isnt" };

/** Whose operations an operation of TypeScript is: of an `Arithmetic`, or JavaScript's own. */
function ownerOf({ style, callee, owner }) {
  if (owner) return owner;
  if (style !== "call" || /^Math\./.test(callee)) return "$m.native";
  if (callee.includes(".")) return callee.slice(0, callee.lastIndexOf("."));
  return "$a";
}
