// The pages of the documentation: their fenced code and what it prints, their headings and their links.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "./compile.ts";

/** Every page that users read, from the root of the package. */
export const pages: readonly string[] = [
  "README.md",
  ...readdirSync(join(root, "docs"))
    .filter((file) => file.endsWith(".md"))
    .map((file) => `docs/${file}`),
];

export interface Fence {
  readonly page: string;
  /** Of its first line, from 1. */
  readonly line: number;
  /** Empty for what programs print. */
  readonly language: string;
  /** The name of the file that it is, where the page says one: ```js main.mjs. */
  readonly file: string | undefined;
  readonly text: string;
}

export const textOf = (page: string): string => readFileSync(join(root, page), "utf8");

export function fencesOf(page: string): Fence[] {
  const text = textOf(page);
  return [...text.matchAll(/^```(\S*) ?(\S*)[^\n]*\n(.*?)^```$/gms)].map(
    ({ index, 1: language, 2: file, 3: code }) => ({
      page,
      line: text.slice(0, index).split("\n").length + 1,
      language: language as string,
      file: file || undefined,
      text: code as string,
    }),
  );
}

/**
 * What the page says that a program prints: the next fence without a language, if no program of its language comes first;
 * else the comments behind its calls of `console.log`. An ellipsis, or a comment that begins with "for example", stands
 * for what differs from machine to machine.
 */
export function printedBy(program: Fence, fences: readonly Fence[]): string {
  const after = fences.slice(fences.indexOf(program) + 1);
  const next = after.find(({ page, language }) => page !== program.page || ["", program.language].includes(language));
  if (next?.page === program.page && next.language === "") return next.text;
  const comments = [...program.text.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map(([, text]) => text as string);
  return comments.map((text) => `${text.startsWith("for example ") ? "…" : text}\n`).join("");
}

/** The anchors of a page's headings, as GitHub makes them. */
export function anchorsOf(page: string): ReadonlySet<string> {
  const anchors = new Set<string>();
  const prose = textOf(page).replace(/^```.*?^```$/gms, "");
  for (const [, title] of prose.matchAll(/^#+ (.*)$/gm)) {
    const plain = anchorOf(title as string);
    let anchor = plain;
    for (let i = 1; anchors.has(anchor); i++) anchor = `${plain}-${i}`;
    anchors.add(anchor);
  }
  return anchors;
}

export function anchorOf(title: string): string {
  return title
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\-_ ]/gu, "")
    .replaceAll(" ", "-");
}

/** What a page's links and images point at. */
export function linksOf(page: string): string[] {
  const prose = textOf(page).replace(/^```.*?^```$/gms, "");
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target as string);
}

/** A folder in which the package is installed, and the packages of other systems that pages import; otherwise it is empty. */
export function emptyProject(): { folder: string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), "rmsprop-page-"));
  const modules = join(folder, "node_modules");
  mkdirSync(modules);
  symlinkSync(root, join(modules, "rmsprop"), "dir");
  for (const name of readdirSync(join(root, "node_modules"))) {
    if (name.startsWith("@tensorflow")) symlinkSync(join(root, "node_modules", name), join(modules, name), "dir");
  }
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** What a program prints, or of one that an OptimError ends its code and its message, as pages write it. */
export function runIn(folder: string, program: string, command = process.execPath, file = "example.mjs"): string {
  writeFileSync(join(folder, file), program);
  const { status, stdout, stderr, error } = spawnSync(command, [file], { cwd: folder, encoding: "utf8" });
  if (error) throw error;
  if (status === 0) return stdout;
  const [, message, code] = /^OptimError: (.*)\n[\s\S]*code: '(\w+)'/m.exec(stderr) ?? [];
  if (message === undefined)
    throw new Error(`Expected the program to end well, but it ended with ${status}: ${stderr}`);
  return `${stdout}OptimError ${code}: ${message}\n`;
}
