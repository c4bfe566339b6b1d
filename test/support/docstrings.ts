// The docstrings of the interfaces of lib/, which docs/options.md is made of.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./compile.ts";

export interface Docstring {
  /** Without its tags, in one line. */
  readonly text: string;
  /** What follows a tag, by its name. */
  readonly tags: Readonly<Record<string, string>>;
}

export interface Interface {
  readonly docstring: Docstring;
  /** The names of the interfaces that it extends. */
  readonly parents: readonly string[];
  readonly members: ReadonlyMap<string, Docstring>;
}

function docstring(comment: string): Docstring {
  const lines = comment.replace(/^\s*\/\*\*|\*\/\s*$/g, "").split(/\n\s*\* ?/);
  const [text, ...tags] = lines
    .join(" ")
    .trim()
    .split(/\s@(?=\w)/) as [string, ...string[]];
  return {
    text: text.trim(),
    tags: Object.fromEntries(tags.map((tag) => [/^\w+/.exec(tag), tag.replace(/^\w+\s+/, "")])),
  };
}

const comment = String.raw`(?<comment>\/\*\*(?:(?!\*\/)[^])*\*\/)\n`;
const declaration = new RegExp(
  String.raw`(?:${comment})?export interface (?<name>\w+)(?:<[^{]*?>)?(?: extends (?<parents>[^{]+?))? \{\n(?<body>[^]*?)\n\}`,
  "g",
);
const member = new RegExp(String.raw`^  ${comment}  (?:readonly )?(?<name>\w+)\??:`, "gm");

/** Every exported interface of lib/, by its name. */
export function interfaces(): ReadonlyMap<string, Interface> {
  const found = new Map<string, Interface>();
  for (const file of readdirSync(join(root, "lib"), { recursive: true, encoding: "utf8" })) {
    if (!file.endsWith(".ts")) continue;
    for (const { groups } of readFileSync(join(root, "lib", file), "utf8").matchAll(declaration)) {
      const { comment: own = "", name, parents = "", body } = groups as Record<string, string>;
      const members = [...(body as string).matchAll(member)].map(
        ({ groups }) => [groups?.name as string, docstring(groups?.comment as string)] as const,
      );
      found.set(name as string, {
        docstring: docstring(own),
        parents: [...parents.matchAll(/\w+(?=<|,|$)/g)].map(([parent]) => parent),
        members: new Map(members),
      });
    }
  }
  return found;
}
