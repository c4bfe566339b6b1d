// Docstrings as TypeScript's compiler gives them, made Markdown.
import type { Node } from "typescript/unstable/ast";
import type { Checker, Symbol as Declared } from "typescript/unstable/sync";

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

/** Text of several lines as one. */
export const oneLine = (text: string) =>
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

function docstring(owner: string, said: string, saidOf: readonly { readonly name: string; readonly text: string }[]) {
  const params = new Map<string, string>();
  const tags: Record<string, string> = {};
  const examples: string[] = [];
  for (const { name, text } of saidOf) {
    if (name === "example") {
      const program = /^```js\n(.*?)\n?```$/s.exec(text.trim())?.[1];
      if (program === undefined) throw new Error(`Expected the example of ${owner} to be a fence of js: ${text}`);
      examples.push(program);
    } else if (name === "param") {
      const [, param, words] = /^(\S+)\s*(.*)$/s.exec(text) as unknown as [string, string, string];
      params.set(param, oneLine(words));
    } else {
      tags[name] = oneLine(text);
    }
  }
  return { text: markdown(said), params, tags, examples };
}

export function docstringOf(symbol: Declared, checker: Checker): Docstring {
  const tags = symbol.getJsDocTags(checker).map(({ name, text = "" }) => ({ name, text }));
  return docstring(symbol.name, symbol.getDocumentationComment(checker), tags);
}

/** No symbol has the docstring of a constructor alone. */
export function constructorDocstring(node: Node): Docstring {
  const [comment = ""] = /\/\*\*(?:(?!\*\/)[\s\S])*(?=\*\/)/.exec(node.getFullText()) ?? [];
  const lines = comment.replace(/^\/\*\*/, "").split(/\n\s*\* ?/);
  const [text, ...tags] = lines.join("\n").split(/\n@(?=\w)/) as [string, ...string[]];
  const named = tags.map((tag) => /^(?<name>\w+)\s*(?<text>.*)$/s.exec(tag)?.groups as { name: string; text: string });
  return docstring("a constructor", text, named);
}
