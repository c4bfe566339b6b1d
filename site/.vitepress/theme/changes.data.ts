// The changes that no release has yet: a file for each, which the next one's part of CHANGELOG.md is made of.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createMarkdownRenderer, type SiteConfig } from "vitepress";
import { root } from "../pages.ts";

declare const data: readonly string[];

export { data };

export default {
  watch: [join(root, ".changeset", "*.md")],
  async load(): Promise<string[]> {
    const { srcDir, markdown, site, logger } = (globalThis as unknown as { VITEPRESS_CONFIG: SiteConfig })
      .VITEPRESS_CONFIG;
    const renderer = await createMarkdownRenderer(srcDir, markdown, site.base, logger);
    const folder = join(root, ".changeset");
    return readdirSync(folder)
      .filter((name) => name.endsWith(".md") && name !== "README.md")
      .map((name) => renderer.render(readFileSync(join(folder, name), "utf8").replace(/^---\n.*?^---\n/ms, "")));
  },
};
