// Which files of the repository are pages, under which address, and where the menus have them.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository. */
export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

interface Entry {
  /** From the repository's root. */
  readonly file: string;
  /** The address, without `.html`. */
  readonly page: string;
  readonly title: string;
}

interface Section {
  readonly title: string;
  readonly entries: readonly Entry[];
}

const entry = (file: string, page: string, title: string): Entry => ({ file, page, title });

const all: readonly Section[] = [
  {
    title: "Begin",
    entries: [
      entry("site/pages/index.md", "index", "What RMSprop does"),
      entry("README.md", "start", "A first program"),
      entry("docs/training.md", "training", "A training loop"),
    ],
  },
  {
    title: "Guides",
    entries: [
      entry("docs/coming-from.md", "coming-from", "Coming from another system"),
      entry("docs/tfjs.md", "tfjs", "TensorFlow.js"),
      entry("docs/workers.md", "workers", "Workers"),
      entry("docs/distributed.md", "distributed", "Several processes"),
      entry("docs/checkpoints.md", "checkpoints", "Checkpoints"),
      entry("docs/record.md", "record", "Records of a training"),
      entry("docs/recipes.md", "recipes", "Recipes"),
      entry("docs/platforms.md", "platforms", "Platforms"),
    ],
  },
  {
    title: "Reference",
    entries: [
      entry("docs/options.md", "options", "Options"),
      entry("docs/presets.md", "presets", "Presets"),
      entry("docs/api.md", "api", "API"),
    ],
  },
  {
    title: "Seen",
    entries: [
      entry("site/pages/digits.md", "digits", "Five optimizers on digits"),
      entry("site/pages/faults.md", "faults", "Known faults"),
    ],
  },
  {
    title: "Checked",
    entries: [
      entry("bench/README.md", "benchmark", "The benchmark"),
      entry("bench/results/results.md", "benchmark-run", "The kept run"),
      entry("bench/results/16-cores.md", "benchmark-16-cores", "A run on 16 cores"),
      entry("docs/bits.md", "bits", "The table of bits"),
      entry("docs/evidence.md", "evidence", "Evidence"),
      entry("SECURITY.md", "security", "Security"),
      entry("site/pages/changelog.md", "changelog", "Changelog"),
    ],
  },
];

const placed = new Set(all.flatMap(({ entries }) => entries.map(({ file }) => file)));

/** Pages of docs/ that have no place above come with the guides, under their own first heading. */
const others = readdirSync(join(root, "docs"))
  .filter((name) => name.endsWith(".md") && !placed.has(`docs/${name}`))
  .map((name) => {
    const [, title = name] = /^# (.*)$/m.exec(readFileSync(join(root, "docs", name), "utf8")) ?? [];
    return entry(`docs/${name}`, name.slice(0, -".md".length), title);
  });

/** The sections of the menu. A page whose file is not there yet has no place in it. */
export const sections: readonly Section[] = all.map(({ title, entries }) => ({
  title,
  entries: [...entries.filter(({ file }) => existsSync(join(root, file))), ...(title === "Guides" ? others : [])],
}));

const entries = sections.flatMap((section) => section.entries);

/** The page of each file, both as paths: `docs/options.md` is `options.md`. */
export const pageOf: Readonly<Record<string, string>> = Object.fromEntries(
  entries.map(({ file, page }) => [file, `${page}.md`]),
);

/**
 * Where a link between two files of the repository leads on the site.
 * @param file The file that the link is in, from the root.
 * @returns undefined where it leads to no page.
 */
export function linkOf(file: string, href: string): string | undefined {
  if (/^(?:[a-z]+:|[/#])/i.test(href)) return undefined;
  const [path = "", anchor] = href.split("#");
  // Raw results lie beside the pages.
  if (/\bresults\/[^/]*\.json$/.test(path)) return `/${posix.basename(path)}`;
  const page = pageOf[posix.join(posix.dirname(file), path)];
  return page && `/${page}${anchor === undefined ? "" : `#${anchor}`}`;
}

/** What the menus call the page of a link, where its text is only the file's name. */
export function titleOf(file: string, href: string, text: string): string | undefined {
  const path = href.split("#")[0] as string;
  if (!path || ![path, posix.basename(path)].includes(text)) return undefined;
  const target = posix.join(posix.dirname(file), path);
  return entries.find((page) => page.file === target)?.title;
}

/** The anchor of a heading, as GitHub makes it. */
export function anchorOf(title: string): string {
  return title
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\-_ ]/gu, "")
    .replaceAll(" ", "-");
}

/** What VitePress is not to look at, as patterns: whatever is no page. */
export const notPages: readonly string[] = [
  ...readdirSync(root)
    .filter((name) => !["README.md", "SECURITY.md", "docs", "bench", "site"].includes(name))
    .flatMap((name) => [name, `${name}/**`]),
  ...readdirSync(join(root, "site"))
    .filter((name) => name !== "pages")
    .map((name) => `site/${name}/**`),
  ...readdirSync(join(root, "bench"))
    .filter((name) => !["README.md", "results"].includes(name))
    .flatMap((name) => [`bench/${name}`, `bench/${name}/**`]),
];
