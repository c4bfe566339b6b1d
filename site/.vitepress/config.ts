import { copyFileSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";
import type { MarkdownOptions, Plugin } from "vitepress";
import { defineConfig } from "vitepress";
import { anyPath, makeRelative, placeholder } from "./any-path.ts";
import { anchorOf, linkOf, notPages, pageOf, root, sections, titleOf } from "./pages.ts";

const markdown: MarkdownOptions = {
  anchor: { slugify: anchorOf },
  languageAlias: { mjs: "js", cjs: "js" },
  theme: { light: "github-light-high-contrast", dark: "github-dark-high-contrast" },
  config(md) {
    // Code without a fence may be wider than a phone; then a keyboard scrolls it too.
    md.renderer.rules.code_block = (tokens, i) =>
      `<pre class="plain" tabindex="0" v-pre><code>${md.utils.escapeHtml(tokens[i]?.content ?? "")}</code></pre>\n`;
    // A corner of a table with nothing in it heads nothing.
    md.core.ruler.push("empty-headers", ({ tokens }) => {
      for (const [i, token] of tokens.entries()) {
        if (token.type !== "th_open" || tokens[i + 1]?.content !== "") continue;
        for (const cell of [token, tokens[i + 2]]) if (cell) cell.tag = "td";
      }
    });
    // Links are between files, so that they lead somewhere on GitHub and in the package too.
    md.core.ruler.push("links-between-files", ({ tokens, env }) => {
      const path = env?.realPath ?? env?.path;
      if (!path) return; // a heading alone
      const file = relative(root, path).replaceAll("\\", "/");
      for (const { children } of tokens) {
        for (const [i, token] of (children ?? []).entries()) {
          const href = token.type === "link_open" && token.attrGet("href");
          const link = href && linkOf(file, href);
          if (!link) continue;
          token.attrSet("href", link);
          const text = children?.[i + 1];
          if (text?.type === "text") text.content = titleOf(file, href, text.content) ?? text.content;
        }
      }
    });
  },
};

/** Pages lie above the folder that has the packages. */
const packagesOfPages: Plugin = {
  name: "packages-of-pages",
  enforce: "pre",
  config: {
    order: "post",
    handler(config) {
      // For its development server VitePress names packages to prepare, which would be looked for from the root. They are
      // prepared as they are met.
      if (config.optimizeDeps) config.optimizeDeps.include = [];
    },
  },
  resolveId(id, _, { ssr }) {
    if (!/^vue(?:$|\/)/.test(id)) return null;
    return ssr ? { id, external: true } : this.resolve(id, join(root, "site", "index.js"), { skipSelf: true });
  },
};

const base = process.argv.includes("build") ? placeholder : "/";

export default defineConfig({
  title: "rmsprop",
  description: "RMSprop and its kin for JavaScript: one fused, multithreaded native pass over typed arrays.",
  lang: "en",
  base,
  srcDir: root,
  outDir: join(root, "build", "site"),
  cacheDir: join(root, "build", "site-cache"),
  // What a link leads to is asked for when it is followed: the first page stays as light as its test says.
  router: { prefetchLinks: false },
  srcExclude: [...notPages],
  rewrites: (id) => pageOf[id] ?? id,
  head: [["link", { rel: "icon", type: "image/svg+xml", href: `${base}icon.svg` }]],
  markdown,
  vite: {
    publicDir: join(root, "site", "public"),
    plugins: [packagesOfPages, anyPath()],
    resolve: { alias: { rmsprop: join(root, "dist", "browser.js") } },
    // Of the repository only pages and what the figures import: elsewhere lie builds, one with a link to the whole system.
    server: {
      fs: { allow: [root] },
      watch: {
        followSymlinks: false,
        ignored: ["build", "dist", "native", "prebuilds", "test"].map((name) => `${root}/${name}/**`),
      },
    },
  },
  buildEnd({ outDir }) {
    makeRelative(outDir);
    // What the benchmark measured, as it is.
    const results = join(root, "bench", "results");
    for (const name of readdirSync(results).filter((file) => file.endsWith(".json"))) {
      copyFileSync(join(results, name), join(outDir, name));
    }
  },
  themeConfig: {
    nav: [
      { text: "Guide", link: "/start" },
      { text: "Options", link: "/options" },
      { text: "Presets", link: "/presets" },
      { text: "API", link: "/api" },
      { text: "Benchmark", link: "/benchmark" },
    ],
    sidebar: sections.map(({ title, entries }) => ({
      text: title,
      items: entries.map(({ page, title: text }) => ({ text, link: `/${page === "index" ? "" : page}` })),
    })),
    search: { provider: "local" },
    outline: { level: [2, 3] },
  },
});
