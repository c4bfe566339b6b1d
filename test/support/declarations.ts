// What the package exports, with signatures and docstrings, as TypeScript's own compiler reads it in lib/.
import { join, resolve } from "node:path";
import type { Node, NodeArray } from "typescript/unstable/ast";
import { SyntaxKind } from "typescript/unstable/ast";
import { API, type Checker, type Symbol as Declared, SymbolFlags } from "typescript/unstable/sync";
import { root } from "./compile.ts";
import { constructorDocstring, type Docstring, docstringOf, oneLine } from "./docstrings.ts";

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
  /** A type's or an interface's own text, a function's overloads, or a value's type. */
  readonly signatures: readonly string[];
  readonly parameters: readonly Parameter[];
  readonly docstring: Docstring;
  readonly members: readonly Member[];
  /** What an interface extends. */
  readonly parents: readonly Export[];
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
  /** An interface's members have their question mark here. */
  readonly postfixToken?: Node;
  readonly typeParameters?: NodeArray<Declaration>;
  readonly constraint?: Node;
  readonly dotDotDotToken?: Node;
  readonly initializer?: Node;
  readonly heritageClauses?: NodeArray<Node & { readonly types: NodeArray<Node> }>;
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
    .replace(/\s*\/\*\*[\s\S]*?\*\//g, "") // comments on the members of a union
    .replace(/;?$/, ";")
    .replaceAll(`\n${indentOf(node)}`, "\n");
}

function indentOf(node: Declaration): string {
  const { text } = node.getSourceFile();
  return text.slice(text.lastIndexOf("\n", node.getStart()) + 1, node.getStart());
}

/** A type that is a parameter of its own declaration is told by what that must be. */
function parametersOf(node: Declaration): Parameter[] {
  const constraints = new Map(
    [...(node.typeParameters ?? [])].map(({ name, constraint }) => [textOf(name), textOf(constraint)]),
  );
  return [...(node.parameters ?? [])].map(({ name, type, questionToken, initializer, dotDotDotToken }) => ({
    name: textOf(name),
    type: constraints.get(textOf(type)) || textOf(type),
    optional: questionToken !== undefined || initializer !== undefined,
    rest: dotDotDotToken !== undefined,
  }));
}

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
      optional: (first.questionToken ?? first.postfixToken)?.kind === SyntaxKind.QuestionToken,
      signatures: callables.has(first.kind) ? shown.map(signatureOf) : undefined,
      parameters: parametersOf(first),
      docstring,
    };
  });
}

const kinds: readonly (readonly [SymbolFlags, Export["kind"]])[] = [
  [SymbolFlags.Class, "class"],
  [SymbolFlags.Interface, "interface"],
  [SymbolFlags.TypeAlias, "type"],
  [SymbolFlags.Function, "function"],
  [SymbolFlags.ValueModule, "namespace"],
  [SymbolFlags.Variable, "value"],
];

/** The declaration of a type; where it is another name for a type of its own file or another, that one's. */
function meant(declaration: Declaration, checker: Checker): Declaration {
  const { type } = declaration;
  if (type?.kind !== SyntaxKind.TypeReference || !/^\w+$/.test(type.getText())) return declaration;
  const symbol = checker.getTypeAtLocation(type)?.getAliasSymbol();
  const [handle] = symbol?.declarations ?? [];
  return (handle?.resolve() as Declaration | undefined) ?? declaration;
}

function exportOf(name: string, symbol: Declared, checker: Checker): Export {
  const kind = kinds.find(([flag]) => symbol.flags & flag)?.[1];
  const nodes = symbol.declarations.map((handle) => handle.resolve() as Declaration);
  if (!kind || nodes.length === 0) throw new Error(`Expected ${name} to be declared in lib/.`);
  const shown = overloads(nodes);
  const first = widest(shown);
  const type = checker.getTypeOfSymbol(symbol);
  const signatures = {
    class: () => [],
    interface: () => [signatureOf(first)],
    namespace: () => [],
    type: () => [signatureOf(meant(first, checker)).replace(/^type \w+/, `type ${name}`)],
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
    parents: kind === "interface" ? parentsOf(first, checker) : [],
    exports: kind === "namespace" ? exportsOf(symbol, checker) : [],
    alternatives: union.map((node, i) => {
      // A comment stands before the bar, which belongs to no member.
      const before = node.getSourceFile().text.slice(union[i - 1]?.end ?? first.pos, node.getStart());
      const comments = [...before.matchAll(/\/\*\*([\s\S]*?)\*\//g)];
      const comment = i === 0 && comments.length < 2 ? "" : (comments.at(-1)?.[1] ?? "");
      return [node.getText(), oneLine(comment.replace(/\n\s*\*/g, "\n"))] as const;
    }),
  };
}

function parentsOf({ heritageClauses }: Declaration, checker: Checker): Export[] {
  return [...(heritageClauses ?? [])].flatMap(({ types }) =>
    [...types].flatMap((parent) => {
      const symbol = checker.getTypeAtLocation(parent)?.getSymbol();
      return symbol && symbol.flags & SymbolFlags.Interface ? [exportOf(symbol.name, symbol, checker)] : [];
    }),
  );
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
    const snapshot = api.updateSnapshot({ openProjects: [resolve(root, config)] });
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

/** The names that a file of a project exports, as TypeScript resolves them. */
export function namesExported(file: string, config: string): string[] {
  return ask(config, (checker, symbolOf) => {
    const module = symbolOf(file);
    if (!module) throw new Error(`Expected ${file} to be a module of ${config}.`);
    return checker.getExportsOfModule(module).map(({ name }) => name);
  });
}

/** What files of lib/ export, each once, in the order of the files. */
export function readExports(files: readonly string[]): Export[] {
  return ask("tsconfig.build.json", (checker, symbolOf) => {
    const found = new Map<string, Export>();
    for (const file of files) {
      const module = symbolOf(join(root, file));
      if (!module) throw new Error(`Expected ${file} to be a module of the package.`);
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
