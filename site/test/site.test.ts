// Every page of the built site, in both themes, in a browser that reaches this machine alone.
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sections } from "../.vitepress/pages.ts";
import { launch, watched } from "./browser.ts";
import { serve } from "./server.ts";

const folder = join(import.meta.dirname, "..", "..", "build", "site");
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const pages = sections.flatMap(({ entries }) => entries.map(({ page }) => `${page}.html`));
const figures = new Set(["digits.html", "faults.html"]);

let browser: Browser;
/** At a path of some depth, which no build knew. */
let site: Awaited<ReturnType<typeof serve>>;

beforeAll(async () => {
  browser = await launch();
  site = await serve(folder, "/some/where/");
});
afterAll(async () => {
  await browser?.close();
  site?.close();
});

test("every page of the menu was made, and no other", () => {
  const made = readdirSync(folder).filter((name) => name.endsWith(".html") && name !== "404.html");
  expect(made.sort()).toEqual([...pages].sort());
});

interface Broken {
  readonly rule: string;
  readonly where: readonly string[];
}

describe.each(["light", "dark"] as const)("%s", (colorScheme) => {
  test.each(pages)("%s says nothing, asks nobody else, and axe finds nothing", async (name) => {
    const { page, problems } = await watched(browser, site.address, { colorScheme });
    await page.goto(site.address + name, { waitUntil: "networkidle" });
    if (name === "index.html") await page.waitForSelector(".paths[data-ready=true]");
    if (figures.has(name)) await page.waitForSelector(".line-chart canvas");
    await page.waitForSelector(`.VPSwitchAppearance[title^="Switch"]`, { state: "attached" }); // the page's scripts have run
    // Long pages have thousands of elements of the same few kinds; axe looks at each.
    const broken = await page.evaluate(`(async () => {
      ${axe};
      const { violations } = await axe.run(document, { resultTypes: ["violations"] });
      return violations.map(({ id, nodes }) => ({ rule: id, where: nodes.slice(0, 3).map(({ html, failureSummary }) => html.slice(0, 200) + " " + failureSummary.slice(0, 200)) }));
    })()`);
    expect(broken as Broken[]).toEqual([]);
    expect(problems).toEqual([]);
    expect(await page.evaluate("document.documentElement.classList.contains('dark')")).toBe(colorScheme === "dark");
    await page.context().close();
  });
});

test.each(pages)("%s fits a phone", async (name) => {
  const { page, problems } = await watched(browser, site.address, { viewport: { width: 360, height: 740 } });
  await page.goto(site.address + name, { waitUntil: "networkidle" });
  if (name === "index.html") await page.waitForSelector(".paths[data-ready=true]");
  if (figures.has(name)) await page.waitForSelector(".line-chart canvas");
  expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(360);
  expect(problems).toEqual([]);
  await page.context().close();
});

test("the first page has the README's first program, from its installation to what it prints", async () => {
  const readme = readFileSync(join(folder, "..", "..", "README.md"), "utf8");
  const fences = [...readme.matchAll(/^```\w*\n(.*?)^```$/gms)].slice(0, 3).map(([, code]) => code?.trim());
  const { page } = await watched(browser, site.address);
  await page.goto(site.address, { waitUntil: "networkidle" });
  const shown = await page.$$eval(".vp-doc div[class*='language-'] pre", (all) =>
    all.map((each) => each.textContent?.trim()),
  );
  expect(shown).toEqual(fences);
  await page.context().close();
});

test("links lead to pages and to headings", () => {
  const idsOf = new Map<string, ReadonlySet<string>>();
  const textOf = (page: string) => readFileSync(join(folder, page), "utf8");
  for (const page of pages)
    idsOf.set(page, new Set([...textOf(page).matchAll(/ id="([^"]*)"/g)].map(([, id]) => id as string)));
  const broken: string[] = [];
  let count = 0;
  for (const page of pages) {
    for (const [, href = ""] of textOf(page).matchAll(/<a [^>]*?href="([^"]*)"/g)) {
      if (/^https:/.test(href)) continue;
      const { pathname, hash } = new URL(href.replaceAll("&amp;", "&"), `http://site/${page}`);
      const target = pathname === "/" ? "index.html" : pathname.slice(1);
      const anchor = decodeURIComponent(hash.slice(1));
      count++;
      const ids = idsOf.get(target);
      if (!ids || (anchor && !ids.has(anchor))) broken.push(`${page}: ${href}`);
    }
  }
  expect(broken).toEqual([]);
  expect(count).toBeGreaterThan(500);
});

test("pages are found from one another by the menu and by search, which asks this host alone", async () => {
  const { page, problems } = await watched(browser, site.address);
  await page.goto(`${site.address}start.html`, { waitUntil: "networkidle" });
  await page.click(".VPSidebar >> text=Presets");
  await page.waitForURL(`${site.address}presets.html`);
  await page.keyboard.press("Control+k");
  await page.fill(".VPLocalSearchBox input", "clipGlobalNorm");
  await page.click(".VPLocalSearchBox .result >> nth=0");
  await page.waitForFunction(`!location.pathname.endsWith("presets.html")`);
  expect(page.url()).toContain(site.address);
  expect(await page.textContent("h1")).toBeTruthy();
  expect(problems).toEqual([]);
  await page.context().close();
});

test("the first page is 300 kB or less, compressed, the kernels included", async () => {
  const { page, requests } = await watched(browser, site.address);
  await page.goto(site.address, { waitUntil: "networkidle" });
  await page.waitForSelector(".paths[data-ready=true]");
  const files = new Set(requests.map((url) => new URL(url).pathname.slice("/some/where/".length) || "index.html"));
  const sizes = [...files].map((file) => [file, gzipSync(readFileSync(join(folder, file))).length] as const);
  const total = sizes.reduce((sum, [, size]) => sum + size, 0);
  console.log(`first page: ${total} bytes in ${files.size} files`);
  expect(sizes.filter(([file]) => file.endsWith(".js")).length).toBeGreaterThan(2);
  expect(total, JSON.stringify(sizes)).toBeLessThanOrEqual(300_000);
  await page.context().close();
});
