import { OptimError } from "../errors.ts";
import { show } from "../values/show.ts";

/** The key of an object that stands for a number without a spelling in JSON. */
const numberKey = "$number";

const hasSpelling = (value: number) => Number.isFinite(value) && !Object.is(value, -0);

/**
 * Plain data as JSON in which every number comes back as it was: infinities, NaN and -0 too.
 * @throws OptimError ERR_OPTION for anything but plain data.
 */
export function formatJson(value: unknown, what: string): string {
  const refuse = (found: string): never => {
    throw new OptimError("ERR_OPTION", `Expected ${what} to be plain data, but it holds ${found}.`);
  };
  const stands = new WeakSet<object>();
  return JSON.stringify(value, function (this: object, key, inner: unknown) {
    if (key === numberKey && !stands.has(this)) refuse(`the name '${numberKey}', which stands for numbers`);
    if (typeof inner === "number" && !hasSpelling(inner)) {
      const stand = { [numberKey]: show(inner) };
      stands.add(stand);
      return stand;
    }
    const isForeign =
      ["function", "symbol", "bigint"].includes(typeof inner) || ArrayBuffer.isView(inner) || inner instanceof Map;
    return isForeign ? refuse(show(inner)) : inner;
  });
}

/**
 * Reads a text that `formatJson` wrote.
 * @throws SyntaxError.
 */
export function parseJson(text: string): unknown {
  endOfValue(text, 0); // refuses a text that nests too deep
  parseStrict(text);
  return JSON.parse(text, (_, inner: unknown) => {
    const isNumber = typeof inner === "object" && inner !== null && Object.hasOwn(inner, numberKey);
    return isNumber ? Number((inner as { [numberKey]: string })[numberKey]) : inner;
  });
}

/** Deeper than anything in a file's header or in a state. */
const maxDepth = 100;

/**
 * The members of an object that a text of JSON spells, none of which may be there twice, nor in an object inside:
 * `JSON.parse` keeps the last of two. Each member is parsed by itself, because engines are slow to make one object of 10^6.
 * @throws SyntaxError.
 */
export function parseObject(text: string): Map<string, unknown> {
  const members = new Map<string, unknown>();
  const expected = (what: string, at: number) => new SyntaxError(`expected ${what} at character ${at}`);
  let at = afterSpace(text, 0);
  if (text[at] !== "{") throw expected("{", at);
  at = afterSpace(text, at + 1);
  for (let more = text[at] !== "}"; more; ) {
    if (text[at] !== '"') throw expected("a name", at);
    const end = endOfString(text, at);
    const name = JSON.parse(text.slice(at, end + 1)) as string;
    if (members.has(name)) throw twice(name);
    at = afterSpace(text, end + 1);
    if (text[at] !== ":") throw expected("a colon", at);
    const begin = afterSpace(text, at + 1);
    at = endOfValue(text, begin);
    members.set(name, parseStrict(text.slice(begin, at)));
    more = text[at] === ",";
    if (more) at = afterSpace(text, at + 1);
  }
  if (text[at] !== "}") throw expected("}", at);
  at = afterSpace(text, at + 1);
  if (at < text.length) throw expected("the end", at);
  return members;
}

const twice = (name: string) => new SyntaxError(`the name ${show(name)} is there twice in one object`);

function afterSpace(text: string, begin: number): number {
  let at = begin;
  while (at < text.length && " \t\n\r".includes(text.charAt(at))) at++;
  return at;
}

/** Where a string that begins at a place ends: at its second quotation mark, or behind the text where it has none. */
function endOfString(text: string, begin: number): number {
  for (let at = begin + 1; at < text.length; at++) {
    const character = text.charCodeAt(at);
    if (character === 0x22) return at;
    if (character === 0x5c) at++;
  }
  return text.length;
}

/**
 * Where a member's value ends: at the comma or the brace behind it.
 * @throws SyntaxError where arrays and objects lie too deep in one another.
 */
function endOfValue(text: string, begin: number): number {
  let depth = 0;
  for (let at = begin; at < text.length; at++) {
    const character = text.charCodeAt(at);
    if (character === 0x22) at = endOfString(text, at);
    else if (character === 0x5b || character === 0x7b) {
      if (++depth > maxDepth) throw new SyntaxError(`more than ${maxDepth} arrays and objects lie in one another`);
    } else if (character === 0x5d || character === 0x7d) {
      if (depth-- === 0) return at;
    } else if (character === 0x2c && depth === 0) return at;
  }
  return text.length;
}

/** A text of JSON as a value; no object in it may have a name twice. Its depth has been looked at. */
function parseStrict(text: string): unknown {
  const value: unknown = JSON.parse(text);
  if (typeof value === "object" && value !== null) checkMembers(text, value);
  return value;
}

/** Compares the members that a text of JSON spells, one to a colon, with those that its value has. */
function checkMembers(text: string, value: object): void {
  let spelled = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text.charCodeAt(at);
    if (character === 0x22) at = endOfString(text, at);
    else if (character === 0x3a) spelled++;
  }
  if (spelled !== countMembers(value)) throw twice(findTwice(text));
}

/** The first name that an object in a text of JSON has twice, where there is one. */
function findTwice(text: string): string {
  const open: Set<string>[] = [];
  let name = "";
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === '"') {
      const end = endOfString(text, at);
      name = JSON.parse(text.slice(at, end + 1)) as string;
      at = end;
    } else if (character === "{") open.push(new Set());
    else if (character === "}") open.pop();
    else if (character === ":") {
      const names = open.at(-1) as Set<string>;
      if (names.has(name)) break;
      names.add(name);
    }
  }
  return name;
}

/** The members of all objects in a value. */
function countMembers(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  if (Array.isArray(value)) return value.reduce<number>((count, inner) => count + countMembers(inner), 0);
  const inner = Object.values(value);
  return inner.reduce<number>((count, found) => count + countMembers(found), inner.length);
}
