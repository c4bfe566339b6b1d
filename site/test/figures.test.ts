// The figures: what they draw, what moves them, and that their paths have the bits of every other backend.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launch, type Watched, watched } from "./browser.ts";
import { serve } from "./server.ts";

const root = join(import.meta.dirname, "..", "..");
let browser: Browser;
let site: Awaited<ReturnType<typeof serve>>;

beforeAll(async () => {
  browser = await launch();
  site = await serve(join(root, "build", "site"), "/a/");
});
afterAll(async () => {
  await browser?.close();
  site?.close();
});

async function opened(address: string, ready: string): Promise<Watched> {
  const found = await watched(browser, site.address, { viewport: { width: 1280, height: 1000 } });
  await found.page.goto(site.address + address, { waitUntil: "networkidle" });
  await found.page.waitForSelector(ready);
  return found;
}
const openPaths = (query = "") => opened(query, ".paths[data-ready=true]");
const hashOf = async (page: Page) => (await page.getAttribute(".paths", "data-hash")) as string;
const linesOf = (page: Page) =>
  page.$$eval(".paths .line[data-kind]", (lines) => lines.map((line) => line.getAttribute("d") as string));
/** Waits for the paths to be others than those of a hash. */
async function changedFrom(page: Page, hash: string): Promise<string> {
  await page.waitForFunction((old) => document.querySelector(".paths")?.getAttribute("data-hash") !== old, hash);
  return hashOf(page);
}

describe("paths", () => {
  test("contours and five paths are drawn", async () => {
    const { page, problems } = await openPaths();
    const areas = await page.$$eval(".paths .areas path", (paths) =>
      paths.map((path) => path.getAttribute("d")?.length ?? 0),
    );
    expect(areas.length).toBeGreaterThan(10);
    expect(areas.filter((length) => length > 50).length).toBeGreaterThan(10);
    const lines = await linesOf(page);
    expect(lines).toHaveLength(5);
    expect(new Set(lines).size).toBe(5);
    for (const line of lines) expect(line.split("L").length).toBeGreaterThan(50);
    expect(problems).toEqual([]);
    await page.context().close();
  });

  test("a click starts there, by the address too", async () => {
    const { page, problems } = await openPaths();
    const [before, lines] = [await hashOf(page), await linesOf(page)];
    const box = await (await page.waitForSelector(".paths .plot")).boundingBox();
    if (!box) throw new Error("Expected the picture to have a place.");
    await page.mouse.click(box.x + box.width * 0.75, box.y + box.height * 0.25);
    const after = await changedFrom(page, before);
    const moved = await linesOf(page);
    for (const [i, line] of moved.entries()) expect(line).not.toBe(lines[i]);
    await page.waitForFunction("location.search.includes('start=')");
    await page.reload({ waitUntil: "networkidle" });
    await page.waitForSelector(".paths[data-ready=true]");
    expect(await hashOf(page)).toBe(after);
    expect(problems).toEqual([]);
    await page.context().close();
  });

  test.each([["lr"], ["alpha"], ["eps"], ["momentum"]])(
    "the slider of %s moves RMSprop's path alone, by the keyboard",
    async (name) => {
      // A large epsilon to begin with, so that a little more of it shows.
      const { page } = await openPaths("?eps=0.1");
      const [before, lines] = [await hashOf(page), await linesOf(page)];
      await page.focus(`#paths-${name}`);
      for (let i = 0; i < 5; i++) await page.keyboard.press("ArrowRight");
      await changedFrom(page, before);
      const moved = await linesOf(page);
      expect(moved.map((line, i) => line !== lines[i])).toEqual([false, false, false, false, true]);
      await page.context().close();
    },
  );

  test("centered, presets, functions and other rates move paths; a hidden one is not drawn", async () => {
    const { page, problems } = await openPaths();
    let hash = await hashOf(page);
    const changes = async (act: () => Promise<unknown>) => {
      await act();
      hash = await changedFrom(page, hash);
    };
    await changes(() => page.check("#paths-centered"));
    await changes(() => page.click(".presets >> text=graves"));
    expect(await page.textContent("[data-written=momentum]")).toBe("momentum: 0.9");
    expect(await page.textContent(".formula")).toContain("gradAvg");
    for (const name of ["narrow valley", "saddle", "noise", "unequal scales"]) {
      await changes(() => page.click(`.surfaces >> text=${name}`));
    }
    await page.focus("#paths-lr-adam");
    await changes(() => page.keyboard.press("ArrowLeft"));
    await changes(() => page.uncheck(".legend tr.sgd input"));
    expect(await linesOf(page)).toHaveLength(4);
    expect(problems).toEqual([]);
    await page.context().close();
  });

  test.each(["lr", "alpha", "eps"])("pointing at %s lights its term, its slider and its option", async (name) => {
    const { page } = await openPaths();
    const places = [`[data-term=${name}]`, `[data-option=${name}]`, `[data-written=${name}]`];
    for (const place of places) {
      await page.hover(place);
      for (const other of places)
        expect(await page.$$eval(other, (all) => all.every((each) => each.classList.contains("lit")))).toBe(true);
      expect(await page.$$eval("[data-option].lit", (all) => all.length)).toBe(1);
    }
    await page.context().close();
  });

  test.each([
    "?surface=noise&seed=7&centered=true",
    "?surface=valley&preset=torch&momentum=0.5",
    "?surface=saddle&preset=keras",
  ])("replay leaves the page's bits natively, on WebAssembly and on the reference: %s", async (query) => {
    const { page } = await openPaths(query);
    const hash = await hashOf(page);
    await page.click(".settings summary");
    const [download] = await Promise.all([page.waitForEvent("download"), page.click("text=Download settings.json")]);
    const folder = mkdtempSync(join(tmpdir(), "rmsprop-settings-"));
    try {
      const file = join(folder, "settings.json");
      await download.saveAs(file);
      const program = join(root, "dist", "cli", "main.js");
      const { stdout, stderr } = spawnSync(process.execPath, [program, "replay", "--json", file], { encoding: "utf8" });
      const replay = JSON.parse(stdout || JSON.stringify({ stderr }));
      expect(replay).toMatchObject({ sha256: hash, exitCode: 0 });
      expect(Object.keys(replay.backends)).toEqual(
        expect.arrayContaining([expect.stringMatching(/^native /), "wasm", "reference"]),
      );
      expect(new Set(Object.values(replay.backends))).toEqual(new Set([hash]));
    } finally {
      rmSync(folder, { recursive: true });
    }
    await page.context().close();
  });

  test("an address that says nonsense shows the figure as it is at first", async () => {
    const first = await openPaths();
    const { page, problems } = await openPaths("?surface=hill&alpha=2&start=a,b&preset=x&steps=0&hidden=none");
    expect(await hashOf(page)).toBe(await hashOf(first.page));
    expect(problems).toEqual([]);
    await page.context().close();
    await first.page.context().close();
  });
});

/** Of each chart, how many pixels differ from its ground. */
const inked = (page: Page) =>
  page.$$eval(".line-chart canvas", (charts) =>
    charts.map((chart) => {
      const canvas = chart as HTMLCanvasElement;
      const context = canvas.getContext("2d") as CanvasRenderingContext2D;
      return context.getImageData(0, 0, canvas.width, canvas.height).data.filter((value, i) => i % 4 === 3 && value > 0)
        .length;
    }),
  );

test("the trainings on digits are drawn, and another optimizer's sizes when it is chosen", async () => {
  const { page, problems } = await opened("digits.html", ".line-chart canvas");
  await page.waitForFunction("document.querySelectorAll('.line-chart canvas').length === 3");
  for (const pixels of await inked(page)) expect(pixels).toBeGreaterThan(3000);
  const [, steps] = await page.$$eval(".pair .keys", (all) => all.map((each) => each.textContent));
  await page.click(".choice >> text=SGD >> nth=0");
  const [, others] = await page.$$eval(".pair .keys", (all) => all.map((each) => each.textContent));
  expect(others).not.toBe(steps);
  // What the page is for: RMSprop's steps are more alike than its gradients, SGD's are not.
  const rows = await page.$$eval(".digits-figure tbody tr", (all) =>
    all.map((row) => [...row.querySelectorAll("td")].slice(2).map((cell) => Number(cell.textContent))),
  );
  const [rmsprop, sgd] = rows as [number, number][];
  expect(rmsprop?.[1]).toBeLessThan((rmsprop?.[0] ?? 0) / 2);
  expect(sgd?.[1]).toBeCloseTo(sgd?.[0] as number, 0);
  expect(problems).toEqual([]);
  await page.context().close();
});

test("known faults are drawn: the centered parameter of torch and of tfjs becomes NaN, the others do not", async () => {
  const { page, problems } = await opened("faults.html", ".line-chart canvas");
  await page.waitForFunction("document.querySelectorAll('.line-chart canvas').length === 3");
  for (const pixels of await inked(page)) expect(pixels).toBeGreaterThan(3000);
  const keys = await page.$$eval(".line-chart .keys", (all) =>
    all.map((each) => [...each.querySelectorAll("li")].map((key) => key.textContent?.trim())),
  );
  expect(keys[0]?.map((key) => key?.endsWith("NaN"))).toEqual([true, true, false, false, false]);
  expect(problems).toEqual([]);
  await page.context().close();
});
