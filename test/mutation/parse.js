// Reads the arithmetic of a function body, of C++ and TypeScript alike: the operations that each expression in it makes,
// with where they and their operands lie in the text. It knows as much of both languages as the twins are written in.

const tokens =
  /(?<skip>\s+|\/\/[^\n]*|\/\*[\s\S]*?\*\/|^[ \t]*#[^\n]*)|(?<string>"[^"\n]*"|`[^`]*`)|(?<number>0x[\da-fp.+-]+|\d+(?:\.\d+)?(?:e[+-]?\d+)?n?)|(?<name>#?[A-Za-z_$][\w$]*(?:::[A-Za-z_][\w]*)*)|(?<mark>\.\.\.|===|!==|=>|==|!=|<=|>=|&&|\|\||\+=|-=|\*=|\/=|\+\+|--|<<|->|\?\.|\?\?|[-+*/%<>=!&|^~?:;,.(){}[\]])/gmy;

/** @returns {{text: string, kind: string, start: number, end: number}[]} */
function tokensOf(text, from, to) {
  const found = [];
  tokens.lastIndex = from;
  while (tokens.lastIndex < to) {
    const start = tokens.lastIndex;
    const match = tokens.exec(text);
    if (!match)
      throw new Error(`Expected C++ or TypeScript, but found ${JSON.stringify(text.slice(start, start + 20))}.`);
    const { skip, string, number, name } = match.groups;
    if (skip !== undefined) continue;
    const kind =
      string !== undefined ? "string" : number !== undefined ? "number" : name !== undefined ? "name" : "mark";
    found.push({ text: match[0], kind, start, end: tokens.lastIndex });
  }
  return found;
}

/** Where the body of the function that begins at `heading` lies, its braces left out. */
export function bodyOf(text, heading) {
  const at = text.indexOf(heading);
  if (at < 0 || text.indexOf(heading, at + 1) >= 0) {
    throw new Error(`Expected ${JSON.stringify(heading)} once, but it is there ${at < 0 ? "nowhere" : "twice"}.`);
  }
  const list = tokensOf(text, at, text.length);
  let depth = 0;
  let start = -1;
  let parens = 0;
  for (const token of list) {
    if (start < 0 && token.text === "(") parens++;
    if (start < 0 && token.text === ")") parens--;
    if (token.text === "{" && (start >= 0 || (parens === 0 && !/[:<]\s*$/.test(text.slice(at, token.start))))) {
      depth++;
      if (start < 0) start = token.end;
    }
    if (token.text === "}" && start >= 0 && --depth === 0) return { start, end: token.start };
  }
  throw new Error(`Expected ${JSON.stringify(heading)} to have a body.`);
}

/** What calls stand for, by the last part of a callee's name. */
const calls = {
  ...{ add: "add", sub: "sub", mul: "mul", div: "div", neg: "neg", sqrt: "sqrt", abs: "abs" },
  ...{ selectLess: "selectLess", multiplyAdd: "multiplyAdd", limit: "limit", sign: "sign", constant: "constant" },
  ...{ square_root: "sqrt", select_less: "selectLess", multiply_add: "multiplyAdd", magnitude: "abs", fabs: "abs" },
  ...{ keptWithin: "limit", fround: "cast", Number: "cast" },
};

const counts = {
  add: 2,
  sub: 2,
  mul: 2,
  div: 2,
  neg: 1,
  sqrt: 1,
  abs: 1,
  selectLess: 4,
  multiplyAdd: 3,
  limit: 3,
  sign: 1,
};

const binary = {
  ...{ "||": [3, "or"], "??": [3, "or"], "&&": [4, "and"], "|": [5], "^": [6], "&": [7] },
  ...{ "==": [8, "equal"], "===": [8, "equal"], "!=": [8, "unequal"], "!==": [8, "unequal"] },
  ...{ "<": [9, "less"], ">": [9, "greater"], "<=": [9, "atMost"], ">=": [9, "atLeast"], "<<": [10] },
  ...{ "+": [11, "add"], "-": [11, "sub"], "*": [12, "mul"], "/": [12, "div"], "%": [12] },
};

const compound = { "+=": "add", "-=": "sub", "*=": "mul", "/=": "div" };

const templates =
  /^(static_cast|const_cast|reinterpret_cast|Partial|WordOf|least_normal|least_step|std::numeric_limits|Held|Block|make_block|add_products|add_rows|std::index_sequence|std::make_index_sequence|std::span)$/;

const ignored = new Set([
  "const",
  "constexpr",
  "static",
  "let",
  "auto",
  "return",
  "else",
  "void",
  "typename",
  "if",
  "while",
]);

const types = /^(auto|Number|double|float|void|TileSums|StageTable|std::size_t|const)$/;

/**
 * The expressions of a text, those with operations: each a tree of nodes `{op, args, start, end, ...}`. A node whose op is
 * null is a leaf. `name` is what a literal is assigned to.
 */
export function expressionsOf(text, { start, end }) {
  const list = tokensOf(text, start, end);
  const roots = [];
  let i = 0;
  const peek = (offset = 0) => list[i + offset]?.text;

  /** Goes from an opening mark behind the one that closes it. */
  function skip() {
    const open = peek();
    const close = { "(": ")", "[": "]", "{": "}", "<": ">" }[open];
    let depth = 0;
    for (; i < list.length; i++) {
      if (list[i].text === open) depth++;
      if (list[i].text === close && --depth === 0) {
        i++;
        return;
      }
    }
  }

  const closeOf = (from) => {
    const before = i;
    i = from;
    skip();
    const after = i;
    i = before;
    return after;
  };

  const leaf = (from, to, more = {}) => ({ op: null, args: [], start: list[from].start, end: list[to].end, ...more });

  function push(node, name) {
    if (!node) return;
    if (node.op === "cond") {
      for (const part of node.args) push(part, name);
    } else if (node.op === "cast" || node.op === "paren") {
      push(node.args[0], name);
    } else if (node.op !== null || (node.literal !== undefined && name)) {
      roots.push({ ...node, name });
    } else if (node.coefficient) {
      roots.push(node);
    }
  }

  function statements(until) {
    while (i < list.length && peek() !== until) {
      const before = i;
      statement();
      if (i === before) i++;
    }
    i++;
  }

  function statement() {
    const text = peek();
    if (text === "{") {
      i++;
      return statements("}");
    }
    if (text === ";" || text === "," || text === "}" || text === ")") {
      i++;
      return;
    }
    if (text === "for") {
      i++;
      return skip();
    }
    if (ignored.has(text)) {
      i++;
      if (text === "auto") while (peek() === "*" || peek() === "&") i++;
      return;
    }
    // A type before a name: `Number& v`, `const double x`.
    if (
      types.test(text) &&
      (list[i + 1]?.kind === "name" || (/^[&*]$/.test(peek(1)) && list[i + 2]?.kind === "name"))
    ) {
      i += list[i + 1].kind === "name" ? 1 : 2;
      return;
    }
    const node = expression(0);
    if (!node) return;
    push(node, undefined);
  }

  function expression(power) {
    let left = prefix();
    if (!left) return undefined;
    for (;;) {
      const mark = peek();
      const from = left.start;
      if (mark === "as") {
        i++;
        while (list[i]?.kind === "name" || (peek() === "[" && peek(1) === "]")) i += peek() === "[" ? 2 : 1;
        if (peek() === "[" || peek() === "<") skip();
        left = { op: "cast", args: [left], start: from, end: list[i - 1].end };
        continue;
      }
      if (mark === "=" && power <= 1) {
        i++;
        const right = expression(1);
        const name = /([A-Za-z_]\w*)\s*$/.exec(text.slice(left.start, left.end))?.[1];
        push(right, name);
        left = { op: null, args: [], start: from, end: right?.end ?? left.end };
        continue;
      }
      if (compound[mark] && power <= 1) {
        i++;
        const right = expression(1);
        if (right.op === "cond") {
          push(right.args[0], undefined); // counts what holds
          left = { op: null, args: [], start: from, end: right.end };
        } else {
          left = { op: compound[mark], args: [left, right], start: from, end: right.end, style: "assign" };
        }
        continue;
      }
      if (mark === "?" && power <= 2) {
        i++;
        const yes = expression(1);
        if (peek() !== ":") return left;
        i++;
        const no = expression(1);
        left = { op: "cond", args: [left, yes, no], start: from, end: no.end };
        continue;
      }
      const known = binary[mark];
      if (!known || known[0] <= power) return left;
      const at = i;
      i++;
      const right = expression(known[0]);
      if (!right) {
        i = at;
        return left;
      }
      const op = known[1] ?? "other";
      left = { op, args: [left, right], start: from, end: right.end, style: "mark" };
    }
  }

  function prefix() {
    const token = list[i];
    if (!token) return undefined;
    if (token.text === "-" || token.text === "!") {
      i++;
      const inner = expression(13);
      if (!inner) return undefined;
      const literal = token.text === "-" && inner.literal !== undefined;
      if (literal) return { ...inner, literal: `-${inner.literal}`, start: token.start };
      return {
        op: token.text === "-" ? "neg" : "not",
        args: [inner],
        start: token.start,
        end: inner.end,
        style: "mark",
      };
    }
    if (/^(\+|\*|&|~|\+\+|--|\.\.\.)$/.test(token.text)) {
      i++;
      return prefix();
    }
    return postfix(primary());
  }

  function primary() {
    const at = i;
    const token = list[i];
    if (token.kind === "number") {
      i++;
      return leaf(at, at, { literal: token.text });
    }
    if (token.kind === "string") {
      i++;
      return leaf(at, at);
    }
    if (token.text === "(") {
      const after = closeOf(i);
      if (list[after]?.text === "=>") {
        i = after + 1;
        return arrow(at);
      }
      i++;
      const inner = [];
      while (i < list.length && peek() !== ")") {
        const before = i;
        const node = expression(0);
        if (node) inner.push(node);
        if (peek() === "," || i === before) i++;
      }
      i++;
      if (inner.length === 1) return { op: "paren", args: inner, start: token.start, end: list[i - 1].end };
      for (const each of inner) push(each, undefined);
      return leaf(at, i - 1);
    }
    if (token.text === "[") {
      skip();
      // A lambda of C++.
      if (peek() === "<") skip();
      if (peek() === "(" && list[closeOf(i)]?.text === "{") skip();
      if (peek() === "{") {
        i++;
        statements("}");
      }
      return leaf(at, i - 1);
    }
    if (token.text === "{") {
      i++;
      statements("}");
      return leaf(at, i - 1);
    }
    if (token.kind !== "name") return undefined;
    i++;
    if (peek() === "=>") {
      i++;
      return arrow(at);
    }
    if (templates.test(token.text) && peek() === "<") skip();
    return leaf(at, i - 1, { callee: token.text });
  }

  function arrow(at) {
    if (peek() === "{") {
      i++;
      statements("}");
    } else {
      push(expression(1), undefined);
    }
    return leaf(at, i - 1);
  }

  function postfix(first) {
    let node = first;
    while (node) {
      const mark = peek();
      if ((mark === "." || mark === "->" || mark === "?.") && list[i + 1]?.kind === "name") {
        const member = list[i + 1].text;
        const coefficient = text.slice(node.start, node.end) === "c" ? member : undefined;
        i += 2;
        if (member === "template") i++;
        node = { op: null, args: [], start: node.start, end: list[i - 1].end, callee: member, coefficient };
      } else if (mark === "[") {
        skip();
        node = { op: null, args: [], start: node.start, end: list[i - 1].end };
      } else if (mark === "(" && node.op === null) {
        node = call(node);
      } else if (mark === "++" || mark === "--") {
        i++;
      } else if (mark === "{" && /^(Number|Partial|Piece|Part)$/.test(node.callee ?? "")) {
        skip();
        node = { op: null, args: [], start: node.start, end: list[i - 1].end };
      } else {
        return node;
      }
    }
    return node;
  }

  function call(callee) {
    const name = (callee.callee ?? "").split("::").at(-1);
    i++;
    const args = [];
    while (i < list.length && peek() !== ")") {
      const before = i;
      const node = expression(0);
      if (node) args.push(node);
      if (peek() === "," || i === before) i++;
    }
    i++;
    const place = { start: callee.start, end: list[i - 1].end };
    const op = /_cast$/.test(name) ? "cast" : calls[name];
    const own = args.length === counts[op] + 1 ? args.slice(1) : args;
    if (op === "cast" || op === "constant") {
      const [inner] = own;
      // The cast or constant stays around the number.
      if (inner?.literal !== undefined) return { op: null, args: [], ...place, literal: inner.literal };
      return { op: "cast", args: own, ...place };
    }
    if (op && own.length === counts[op]) {
      const prefix = text.slice(callee.start, callee.end);
      return {
        op,
        args: own,
        ...place,
        style: "call",
        callee: prefix,
        owner: args.length > own.length ? text.slice(args[0].start, args[0].end) : undefined,
      };
    }
    for (const each of args)
      push(each, /^[a-z]\w*$/.test(callee.callee ?? "") && args.length === 1 ? callee.callee : undefined);
    return { op: null, args: [], ...place };
  }

  statements(undefined);
  return roots;
}
