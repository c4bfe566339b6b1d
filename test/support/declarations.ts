// What the package exports, with signatures and docstrings, as TypeScript's own compiler reads it in lib/.
import { join } from "node:path";
import type { Node, NodeArray } from "typescript/unstable/ast";
import { SyntaxKind } from "typescript/unstable/ast";
import { API, type Checker, type Symbol as Declared, SymbolFlags } from "typescript/unstable/sync";
import { root } from "./compile.ts";

export interface Docstring {
  /** Markdown; empty where there is no docstring. */
  readonly text: string;
  /** What is said of parameters, by name. */
  readonly params: ReadonlyMap<string, string>;
  /** What follows other tags, by the tag's name. */
  readonly tags: Readonly<Record<string, string>>;
  /** Programs. */
  readonly examples: readonly string[];
}

export interface Parameter {
  readonly name: string;
  readonly type: string;
  readonly optional: boolean;
  readonly rest: boolean;
}

/** A property, a method or a constructor. */
export interface Member {
  /** "constructor" for one. */
  readonly name: string;
  /** Of a property its type, of a method what it returns. */
  readonly type: string;
  readonly optional: boolean;
  /** Of a method or a constructor, one for each overload; undefined for a property. */
  readonly signatures: readonly string[] | undefined;
  readonly parameters: readonly Parameter[];
  readonly docstring: Docstring;
}

export interface Export {
  readonly name: string;
  readonly kind: "class" | "interface" | "type" | "function" | "value" | "namespace";
  /** The type's own text, a function's overloads, or a value's type. */
  readonly signatures: readonly string[];
  readonly parameters: readonly Parameter[];
  readonly docstring: Docstring;
  readonly members: readonly Member[];
  /** The names of what an interface or a class extends. */
  readonly parents: readonly string[];
  /** What a namespace exports. */
  readonly exports: readonly Export[];
  /** The members of a union, each with the comment before it. */
  readonly alternatives: readonly (readonly [text: string, comment: string])[];
}

/** The properties that nodes of declarations have, each where its kind does. */
interface Declaration extends Node {
  readonly name?: Node;
  readonly type?: Declaration;
  readonly types?: NodeArray<Node>;
  readonly body?: Node;
  readonly members?: NodeArray<Declaration>;
  readonly modifiers?: NodeArray<Node>;
  readonly parameters?: NodeArray<Declaration>;
  readonly questionToken?: Node;
  readonly dotDotDotToken?: Node;
  readonly initializer?: Node;
  readonly heritageClauses?: NodeArray<Node & { readonly types: NodeArray<Node> }>;
}

const oneLine = (text: string) =>
  text
    .trim()
    .split(/\s*\n\s*/)
    .join(" ");

/** A docstring's text as Markdown: paragraphs and the items of lists in one line each, formulas as they are. */
function markdown(text: string): string {
  const blocks = text.split(/\n\s*\n/).map((block) => {
    if (/^ {4}/.test(block)) return block.trimEnd();
    return block
      .split(/\n(?=- )/)
      .map(oneLine)
      .join("\n");
  });
  return blocks.join("\n\n").trim();
}

function docstringOf(symbol: Declared, checker: Checker): Docstring {
  const params = new Map<string, string>();
  const tags: Record<string, string> = {};
  const examples: string[] = [];
  for (const { name, text = "" } of symbol.getJsDocTags(checker)) {
    if (name === "example") {
      const program = /^```js\n(.*?)\n?```$/s.exec(text.trim())?.[1];
      if (program === undefined) throw new Error(`Expected the example of ${symbol.name} to be a fence of js: ${text}`);
      examples.push(program);
    } else if (name === "param") {
      const [, param, said] = /^(\S+)\s*(.*)$/s.exec(text) as unknown as [string, string, string];
      params.set(param, oneLine(said));
    } else {
      tags[name] = oneLine(text);
    }
  }
  return { text: markdown(symbol.getDocumentationComment(checker)), params, tags, examples };
}

const textOf = (node: Node | undefined) => (node ? oneLine(node.getText()) : "");

/** A declaration without its body and what users need not see before it. */
function signatureOf(node: Declaration): string {
  const { text } = node.getSourceFile();
  const end = node.body ? node.body.pos : node.end;
  return text
    .slice(node.getStart(), end)
    .trim()
    .replace(/^(?:export |async |override |public |abstract )+/, "")
    .replace(/;?$/, ";")
    .replace(/^ {2}/gm, "");
}

const parametersOf = (node: Declaration): Parameter[] =>
  [...(node.parameters ?? [])].map(({ name, type, questionToken, initializer, dotDotDotToken }) => ({
    name: textOf(name),
    type: textOf(type),
    optional: questionToken !== undefined || initializer !== undefined,
    rest: dotDotDotToken !== undefined,
  }));

/** The overloads of a function or method, without the one that has the body where there are others. */
function overloads<D extends Declaration>(nodes: readonly D[]): readonly D[] {
  const declared = nodes.filter(({ body }) => body === undefined);
  return declared.length > 0 ? declared : nodes;
}

const callables = new Set([SyntaxKind.MethodDeclaration, SyntaxKind.MethodSignature, SyntaxKind.Constructor]);

/** The overload whose parameters and types a page tells: the most general one, which has the most of them. */
const widest = (nodes: readonly Declaration[]) =>
  [...nodes].sort((a, b) => (b.parameters?.length ?? 0) - (a.parameters?.length ?? 0))[0] as Declaration;

function membersOf(declaration: Declaration, checker: Checker): Member[] {
  const byName = new Map<string, Declaration[]>();
  for (const member of declaration.members ?? []) {
    const hidden = [...(member.modifiers ?? [])].some((modifier) => /^(?:private|protected)$/.test(modifier.getText()));
    const name = member.kind === SyntaxKind.Constructor ? "constructor" : textOf(member.name);
    if (hidden || name === "" || name.startsWith("#")) continue;
    byName.set(name, [...(byName.get(name) ?? []), member]);
  }
  return [...byName].map(([name, nodes]) => {
    const shown = overloads(nodes);
    const first = widest(shown);
    const symbol = name === "constructor" ? undefined : checker.getSymbolAtLocation(first.name as Node);
    const docstring = symbol ? docstringOf(symbol, checker) : constructorDocstring(first);
    return {
      name,
      type: textOf(first.type),
      optional: first.questionToken !== undefined,
      signatures: callables.has(first.kind) ? shown.map(signatureOf) : undefined,
      parameters: parametersOf(first),
      docstring,
    };
  });
}

/** No symbol has the docstring of a constructor alone. */
function constructorDocstring(node: Declaration): Docstring {
  const [comment = ""] = /\/\*\*(?:(?!\*\/)[\s\S])*(?=\*\/)/.exec(node.getFullText()) ?? [];
  const lines = comment.replace(/^\/\*\*/, "").split(/\n\s*\* ?/);
  const [text, ...rest] = lines.join("\n").split(/\n@(?=\w)/) as [string, ...string[]];
  const tags = rest.map((tag) => /^(\w+)\s+(.*)$/s.exec(tag) as unknown as [string, string, string]);
  const params = tags.flatMap(([, tag, said]) => {
    const [, name, words] = /^(\S+)\s*(.*)$/s.exec(said) as unknown as [string, string, string];
    return tag === "param" ? [[name, oneLine(words)] as const] : [];
  });
  return {
    text: markdown(text),
    params: new Map(params),
    tags: Object.fromEntries(tags.flatMap(([, tag, said]) => (tag === "param" ? [] : [[tag, oneLine(said)]]))),
    examples: [],
  };
}

const kinds: readonly (readonly [SymbolFlags, Export["kind"]])[] = [
  [SymbolFlags.Class, "class"],
  [SymbolFlags.Interface, "interface"],
  [SymbolFlags.TypeAlias, "type"],
  [SymbolFlags.Function, "function"],
  [SymbolFlags.ValueModule, "namespace"],
  [SymbolFlags.Variable, "value"],
];

function exportOf(name: string, symbol: Declared, checker: Checker): Export {
  const kind = kinds.find(([flag]) => symbol.flags & flag)?.[1];
  const nodes = symbol.declarations.map((handle) => handle.resolve() as Declaration);
  if (!kind || nodes.length === 0) throw new Error(`Expected ${name} to be declared in lib/.`);
  const shown = overloads(nodes);
  const first = widest(shown);
  const type = checker.getTypeOfSymbol(symbol);
  const signatures = {
    class: () => [],
    interface: () => [],
    namespace: () => [],
    type: () => [signatureOf(first)],
    function: () => shown.map(signatureOf),
    value: () => [`const ${name}: ${type ? checker.typeToString(type) : "unknown"};`],
  }[kind]();
  const union = kind === "type" && first.type?.kind === SyntaxKind.UnionType ? [...(first.type.types ?? [])] : [];
  return {
    name,
    kind,
    signatures,
    parameters: kind === "function" ? parametersOf(first) : [],
    docstring: docstringOf(symbol, checker),
    members: kind === "class" || kind === "interface" ? membersOf(first, checker) : [],
    parents: [...(first.heritageClauses ?? [])].flatMap(({ types }) =>
      [...types].map((parent) => parent.getText().replace(/<.*/s, "")),
    ),
    exports: kind === "namespace" ? exportsOf(symbol, checker) : [],
    alternatives: union.map((node) => {
      const full = node.getFullText();
      const comment = /\/\*\*([\s\S]*?)\*\//.exec(full)?.[1] ?? "";
      return [node.getText(), oneLine(comment.replace(/\n\s*\*/g, "\n"))] as const;
    }),
  };
}

function exportsOf(module: Declared, checker: Checker): Export[] {
  return checker.getExportsOfModule(module).map((symbol) => {
    const target = symbol.flags & SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
    return exportOf(symbol.name, target, checker);
  });
}

/** Asks the compiler about the files of a project, and lets it go. */
function ask<T>(
  config: string,
  question: (checker: Checker, symbolOf: (file: string) => Declared | undefined, files: readonly string[]) => T,
): T {
  const api = new API({ cwd: root });
  try {
    const snapshot = api.updateSnapshot({ openProjects: [join(root, config)] });
    const [project] = snapshot.getProjects();
    if (!project) throw new Error(`Expected the compiler to open ${config}.`);
    const { checker, program } = project;
    const symbolOf = (file: string) => {
      const source = program.getSourceFile(file);
      return source && checker.getSymbolAtLocation(source);
    };
    return question(checker, symbolOf, program.getSourceFileNames());
  } finally {
    api.close();
  }
}

/** What files export, each once, in the order of the files. */
export function readExports(files: readonly string[], config = "tsconfig.build.json"): Export[] {
  return ask(config, (checker, symbolOf) => {
    const found = new Map<string, Export>();
    for (const file of files) {
      const module = symbolOf(join(root, file));
      if (!module) throw new Error(`Expected ${file} to be a module of ${config}.`);
      for (const each of exportsOf(module, checker)) if (!found.has(each.name)) found.set(each.name, each);
    }
    return [...found.values()];
  });
}

/** Every interface that a file of lib/ exports, by its name. */
export function readInterfaces(): ReadonlyMap<string, Export> {
  return ask("tsconfig.build.json", (checker, symbolOf, files) => {
    const own = files.filter((file) => file.startsWith(join(root, "lib")) && !file.endsWith(".d.ts"));
    const found = new Map<string, Export>();
    for (const file of own) {
      const module = symbolOf(file);
      if (!module) continue;
      for (const symbol of checker.getExportsOfModule(module)) {
        if (symbol.flags & SymbolFlags.Interface) found.set(symbol.name, exportOf(symbol.name, symbol, checker));
      }
    }
    return found;
  });
}
