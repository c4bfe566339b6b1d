// The site runs at whatever path it is served from. VitePress builds for one path, which is a placeholder here: addresses in
// pages are then made relative, and scripts ask where they are.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import type { Plugin } from "vitepress";

/** The path that VitePress builds for. */
export const placeholder = "/path-of-the-site/";

const name = "pathOfTheSite";

interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly value?: unknown;
  readonly [field: string]: unknown;
}

function* literalsOf(node: Node): Generator<Node> {
  if (node.type === "Literal" || node.type === "TemplateElement") yield node;
  for (const field of Object.values(node)) {
    for (const child of Array.isArray(field) ? field : [field]) {
      if (child && typeof child === "object" && typeof (child as Node).type === "string")
        yield* literalsOf(child as Node);
    }
  }
}

/** Scripts: every string with the placeholder becomes one that is put together where the script runs. */
export function anyPath(): Plugin {
  return {
    name: "any-path",
    // Pages are made by a build of their own, whose addresses makeRelative() changes.
    apply: (_, { command, isSsrBuild }) => command === "build" && !isSsrBuild,
    // After what Vite itself writes into the scripts.
    enforce: "post",
    renderChunk: {
      order: "post",
      handler(code, chunk, options) {
        if (options.format !== "es" || !code.includes(placeholder)) return null;
        let changed = code;
        const literals = [...literalsOf(this.parse(code) as unknown as Node)].sort((a, b) => b.start - a.start);
        for (const { type, start, end } of literals) {
          const text = code.slice(start, end);
          if (!text.includes(placeholder)) continue;
          const quote = text[0] as string;
          const replaced =
            type === "TemplateElement"
              ? text.replaceAll(placeholder, `\${${name}}`)
              : `(${text.replaceAll(placeholder, `${quote}+${name}+${quote}`)})`;
          changed = changed.slice(0, start) + replaced + changed.slice(end);
        }
        const up = "../".repeat(chunk.fileName.split("/").length - 1) || "./";
        return `const ${name}=new URL("${up}",import.meta.url).pathname;\n${changed}`;
      },
    },
  };
}

/** Pages and style sheets, once they are written: addresses become relative to the file that they are in. */
export function makeRelative(folder: string): void {
  for (const file of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    if (!/\.(?:html|css)$/.test(file)) continue;
    const path = join(folder, file);
    const up = "../".repeat(relative(folder, path).split(sep).length - 1) || "./";
    const text = readFileSync(path, "utf8")
      // What the scripts know of the site is a string of JSON, in the page.
      .replace(
        /(window\.__VP_SITE_DATA__=JSON\.parse\(.*?\));/,
        `$1;__VP_SITE_DATA__.base=new URL("${up}",location).pathname;`,
      )
      .replaceAll(placeholder, up);
    writeFileSync(path, text);
  }
}
