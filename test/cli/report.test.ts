// rmsprop report: what it makes of records, and the page, in headless Chromium, from its file.
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, lstatSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import type { ReportData, Series } from "../../lib/cli/report-data.ts";
import { chromium } from "../support/chromium.ts";
import { root } from "../support/compile.ts";
import { temporaryFolder } from "../support/folder.ts";
import { checkBuilt } from "../support/programs.ts";

const main = join(root, "dist", "cli", "main.js");
const report = (...args: string[]) => spawnSync(process.execPath, [main, "report", ...args], { encoding: "utf8" });

const headOf = (name: string, more: object = {}) =>
  `${JSON.stringify({
    ...{
      rmsprop: 1,
      name,
      began: "2026-01-01T00:00:00Z",
      optimizer: "SGD",
      groups: [{ lr: 0.1, parameters: 2, ...more }],
    },
    backend: { name: "native", isa: "avx2", threads: 2 },
  })}\n`;

const stepOf = (step: number, more: object) => `${JSON.stringify({ step, time: step / 1000, ...more })}\n`;

/** A record of some steps, in a file of its own. */
function recordOf(name: string, steps: number, valuesOf: (step: number) => object, folder = temporaryFolder()): string {
  const file = join(folder, `${name}.jsonl`);
  const lines = Array.from({ length: steps }, (_, i) => stepOf(i + 1, valuesOf(i + 1)));
  writeFileSync(file, headOf(name) + lines.join(""));
  return file;
}

const pageFor = (file: string) => file.replace(/jsonl$/, "html");
const dataIn = (page: string): ReportData =>
  JSON.parse(
    /<script type="application\/json" id="data">(.*?)<\/script>/s.exec(readFileSync(page, "utf8"))?.[1] as string,
  );
const seriesOf = (page: string, name: string, run = 0) => dataIn(page).runs[run]?.series[name] as Series;

beforeAll(checkBuilt);

describe("the data of a page", () => {
  test("a short run has every value", () => {
    const file = recordOf("short", 3, (step) => ({ loss: 1 / step, lr: 0.1 }));
    const { status, stdout, stderr } = report(file);
    expect({ status, stderr, stdout }).toEqual({ status: 0, stderr: "", stdout: `${pageFor(file)}\n` });
    const { steps, seconds, values, means, count, last, least, most } = seriesOf(pageFor(file), "loss");
    expect({ steps, seconds, values, means }).toEqual({
      ...{ steps: [1, 2, 3], seconds: [0.001, 0.002, 0.003], values: [1, 0.5, 0.3333333], means: null },
    });
    expect({ count, last, least, most }).toEqual({ count: 3, last: 0.3333333, least: 0.3333333, most: 1 });
  });

  test("a long run has the least and the largest value of each pixel column, and means that are right", () => {
    const steps = 40_000;
    const file = recordOf("long", steps, (step) => ({ loss: step === 12_345 ? 99 : step === 23_456 ? -99 : step % 2 }));
    expect(report(file).status).toBe(0);
    const { values, steps: places, means, least, most } = seriesOf(pageFor(file), "loss");
    expect(values.length).toBeLessThan(2100);
    expect([values[places.indexOf(12_345)], values[places.indexOf(23_456)], least, most]).toEqual([99, -99, -99, 99]);
    expect([...places]).toEqual([...places].sort((a, b) => a - b));
    expect(means?.values).toHaveLength(200);
    const odd = (means?.values ?? []).filter((value) => value !== 0.5);
    expect(odd).toEqual(
      [(100 - (12_345 % 2) + 99) / 200, (100 - 0 - 99) / 200].map((value) => Number(value.toPrecision(7))),
    );
  });

  test("values that are not finite are gaps, counted, with the first step", () => {
    const file = recordOf("gaps", 5000, (step) => ({ loss: step === 17 || step > 4000 ? "NaN" : 2 }));
    expect(report(file).status).toBe(0);
    const { values, steps, nonFinite, firstNonFinite, last } = seriesOf(pageFor(file), "loss");
    expect({ nonFinite, firstNonFinite, last }).toEqual({ nonFinite: 1001, firstNonFinite: 17, last: "NaN" });
    expect(values[steps.indexOf(17)]).toBe(null);
  });

  test("skipped steps are counted, speed is of time, and own names come after the user's", () => {
    const file = recordOf("all", 2000, (step) => ({
      lr: 0.1,
      loss: 1,
      gradNorm: 2,
      ...(step % 500 === 0 && { skipped: true }),
    }));
    expect(report(file).status).toBe(0);
    const [run] = dataIn(pageFor(file)).runs;
    expect(Object.keys(run?.series ?? {})).toEqual([
      "loss",
      "lr",
      "gradNorm",
      "steps skipped so far",
      "steps a second",
    ]);
    expect(run?.skipped).toBe(4);
    expect(run?.series["steps skipped so far"]).toMatchObject({ last: 4, least: 0 });
    for (const value of run?.series["steps a second"]?.values ?? []) expect(value).toBeCloseTo(1000, 0);
  });

  test("the speed of a last moment that is too short to be timed is left out", () => {
    const file = recordOf("speed", 201, (step) => (step === 201 ? { time: 2.001 } : { time: step / 100 }));
    expect(report(file).status).toBe(0);
    const { values, last } = seriesOf(pageFor(file), "steps a second");
    expect([...new Set([...values, last])]).toEqual([100]);
  });

  test("runs of one name are told apart, and a name cannot end the script", () => {
    const folder = temporaryFolder();
    const first = recordOf("a", 2, () => ({ loss: 1 }), folder);
    const second = join(folder, "b.jsonl");
    writeFileSync(second, headOf("a") + stepOf(1, { "</script><b>": 1 }));
    expect(report(first, second, "-o", join(folder, "page.html")).status).toBe(0);
    const { runs } = dataIn(join(folder, "page.html"));
    expect(runs.map(({ name }) => name)).toEqual([`a (${first})`, `a (${second})`]);
    expect(Object.keys(runs[1]?.series ?? {})).toEqual(["</script><b>"]);
  });

  test.each([
    [[], "Expected a file, found none."],
    [["none.jsonl"], "Expected to read the file none.jsonl, but: ENOENT: no such file or directory"],
    [[root], `Expected ${root} to be a record, but it is no ordinary file.`],
    [[join(root, "LICENSE")], "to be a record of rmsprop/record, but it has no line of one."],
    [["x.html", "-o", "x.html"], "Expected a page beside the records, but x.html is one of them."],
  ])("%j is refused", (args, message) => {
    const { status, stdout, stderr } = report(...args);
    expect(status).not.toBe(0);
    expect(stdout).toBe("");
    expect(stderr).toContain(message);
  });

  test("a page that cannot be written is told by its name, and leaves nothing beside it", () => {
    const file = recordOf("unwritten", 1, () => ({ loss: 1 }));
    const folder = temporaryFolder();
    for (const page of [join(folder, "none", "page.html"), folder]) {
      const { status, stderr } = report(file, "-o", page);
      expect({ status, stderr }).toEqual({
        status: 1,
        stderr: expect.stringContaining(`Expected to write the page ${page}, but: `),
      });
    }
    expect(readdirSync(dirname(folder)).filter((name) => name.startsWith(`${basename(folder)}.`))).toEqual([]);
  });

  test.skipIf(process.platform === "win32")("a page takes the place of no FIFO and no link", () => {
    const file = recordOf("place", 1, () => ({ loss: 1 }));
    const folder = temporaryFolder();
    const [fifo, page, link] = ["fifo", "page.html", "link.html"].map((name) => join(folder, name)) as [
      ...[string, string, string],
    ];
    execFileSync("mkfifo", [fifo]);
    expect(report(file, "-o", fifo)).toMatchObject({
      status: 1,
      stderr: `Expected to write the page ${fifo}, but: there is a folder, a device or the like.\n`,
    });
    expect(lstatSync(fifo).isFIFO()).toBe(true);
    writeFileSync(page, "");
    symlinkSync("page.html", link);
    expect(report(file, "-o", link).status).toBe(0);
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    expect(dataIn(page).runs).toHaveLength(1);
  });

  test.skipIf(process.platform === "win32")("a FIFO and a device without an end are refused as records", () => {
    const fifo = join(temporaryFolder(), "fifo");
    execFileSync("mkfifo", [fifo]);
    for (const path of [fifo, "/dev/urandom"]) {
      const { status, stderr } = spawnSync(process.execPath, [main, "report", path, "-o", `${fifo}.html`], {
        ...{ encoding: "utf8", timeout: 20_000 },
      });
      expect({ status, stderr }).toEqual({
        ...{ status: 1, stderr: `Expected ${path} to be a record, but it is no ordinary file.\n` },
      });
    }
  });

  test("a record of another version is refused, among others too", () => {
    const good = recordOf("good", 1, () => ({ loss: 1 }));
    const other = join(temporaryFolder(), "other.jsonl");
    writeFileSync(other, headOf("other").replace('"rmsprop":1', '"rmsprop":2') + stepOf(1, { loss: 1 }));
    const { status, stdout, stderr } = report(good, other);
    expect({ status, stdout, stderr }).toEqual({
      ...{ status: 1, stdout: "" },
      stderr: `Expected ${other} to be a record in the form 1, but it has 2: another version of rmsprop wrote it.\n`,
    });
  });

  test("--watch writes the page as the record grows, and at the end without what follows", async () => {
    const file = recordOf("grows", 1, () => ({ loss: 1 }));
    const child = spawn(process.execPath, [main, "report", "--watch", file], { stdio: ["ignore", "pipe", "inherit"] });
    const ended = once(child, "exit");
    const lines = () => {
      try {
        return dataIn(pageFor(file)).runs[0]?.lines;
      } catch {
        return undefined;
      }
    };
    await expect.poll(lines, { timeout: 20_000 }).toBe(1);
    expect(dataIn(pageFor(file)).reload).toBe(2000);
    appendFileSync(file, stepOf(2, { loss: 2 }));
    await expect.poll(lines, { timeout: 20_000 }).toBe(2);
    appendFileSync(file, `${stepOf(3, { loss: 3 })}{"step":4`);
    child.kill("SIGINT");
    expect(await ended).toEqual([0, null]);
    expect(dataIn(pageFor(file))).toMatchObject({ reload: null, runs: [{ lines: 3, broken: 0 }] });
  });
});

describe.skipIf(!chromium)(`the page${chromium ? "" : ": there is no Chromium"}`, () => {
  const axe = readFileSync(join(root, "node_modules", "axe-core", "axe.min.js"), "utf8").replaceAll(
    "</script",
    "<\\/script",
  );
  const before = `<script>
    window.said = [];
    for (const level of ["log", "info", "warn", "error", "debug"]) console[level] = (...words) => said.push(level + " " + words.join(" "));
    addEventListener("error", ({ message }) => said.push("error " + message));
    addEventListener("securitypolicyviolation", ({ blockedURI }) => said.push("blocked " + blockedURI));
  </script>`;

  /** Opens a page from its file, runs code in it, and returns what that gives and what the browser said. */
  function opened<T>(page: string, code: string, flags: readonly string[] = []): T & { said: string[] } {
    const folder = temporaryFolder();
    const file = join(folder, "page.html");
    const probe = `<script>${axe}</script><script>
      addEventListener("load", async () => {
        let found;
        try { found = await (async () => { ${code} })(); } catch (error) { found = { failed: String(error.stack) }; }
        document.body.replaceChildren();
        document.title = JSON.stringify({ ...found, said });
      });</script>`;
    const html = readFileSync(page, "utf8");
    writeFileSync(
      file,
      html.replace("<head>", () => `<head>${before}`).replace("</body>", () => `${probe}</body>`),
    );
    const { stdout, stderr } = spawnSync(
      chromium as string,
      [
        ...["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--enable-logging=stderr"],
        ...[`--user-data-dir=${join(folder, "profile")}`, "--virtual-time-budget=20000", ...flags, "--dump-dom"],
        pathToFileURL(file).href,
      ],
      { encoding: "utf8", env: { ...process.env, LD_PRELOAD: undefined }, timeout: 90_000, maxBuffer: 2 ** 27 },
    );
    const title = /<title>(.*?)<\/title>/s
      .exec(stdout)?.[1]
      ?.replaceAll("&lt;", "<")
      .replaceAll("&gt;", ">")
      .replaceAll("&amp;", "&");
    expect(title, `${stderr.slice(-2000)}`).toMatch(/^\{/);
    expect(stderr).not.toMatch(/CONSOLE/);
    return JSON.parse(title as string);
  }

  /** A page of two runs with all there is to see. */
  function page(): string {
    const folder = temporaryFolder();
    const files = ["first", "second"].map((name, run) =>
      recordOf(
        name,
        3000,
        (step) => ({
          ...{
            loss: step === 100 * run ? "NaN" : (run + 1) / step + (step % 7) / 70,
            lr: 0.1 / (run + 1),
            gradNorm: 3,
          },
          ...(step % 1000 === 0 && { skipped: true, accuracy: step / 3000 }),
        }),
        folder,
      ),
    );
    expect(report(...files).status).toBe(0);
    return join(folder, "first.html");
  }

  const violations = `
    const { violations } = await axe.run(document, { resultTypes: ["violations"] });
    return { violations: violations.map(({ id, nodes }) => id + " " + nodes.map(({ html }) => html.slice(0, 200)).join(" ")), dark: matchMedia("(prefers-color-scheme: dark)").matches, wide: innerWidth, scrolls: document.documentElement.scrollWidth > innerWidth };`;

  test.each([
    ["light", 1100],
    ["dark", 1100],
    ["light", 500],
    ["dark", 500],
  ] as const)("axe finds nothing: %s, %d pixels wide", (theme, width) => {
    const flags = [
      `--window-size=${width},900`,
      ...(theme === "dark" ? ["--blink-settings=preferredColorScheme=0"] : []),
    ];
    expect(opened(page(), violations, flags)).toEqual({
      ...{ violations: [], said: [], dark: theme === "dark", wide: expect.any(Number), scrolls: false },
    });
  });

  /** How many pixels of each canvas are drawn on, in a colour of the runs. */
  const helpers = `
    const wait = () => new Promise((resolve) => setTimeout(resolve, 100));
    const inks = () => [...document.querySelectorAll("canvas")].map((canvas) => {
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      let count = 0;
      for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 200 && Math.max(data[i], data[i + 1], data[i + 2]) - Math.min(data[i], data[i + 1], data[i + 2]) > 60) count++;
      return count;
    });
    const boxes = [...document.querySelectorAll("input")];
    const press = (target, key) => target.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
    await wait();`;

  test("draws each plot, and boxes, axes and logarithms change them", () => {
    const found = opened<{ titles: string[]; first: number[]; one: number[]; seconds: number[]; log: number[] }>(
      page(),
      `${helpers}
      const first = inks();
      boxes[0].click(); await wait(); const one = inks(); boxes[0].click(); await wait();
      boxes[3].click(); await wait(); const seconds = inks();
      boxes[4].click(); await wait(); const log = inks();
      return { titles: [...document.querySelectorAll("h2")].map((title) => title.firstChild.textContent), first, one, seconds, log };`,
    );
    expect(found.said).toEqual([]);
    expect(found.titles).toEqual(["loss", "accuracy", "lr", "gradNorm", "steps skipped so far", "steps a second"]);
    expect(found.first).toHaveLength(6);
    for (const ink of found.first) expect(ink).toBeGreaterThan(100);
    expect(found.one[0]).toBeLessThan(found.first[0] as number);
    expect(found.log[0]).not.toBe(found.seconds[0]);
  });

  test("is read and zoomed by the keyboard", () => {
    const found = opened<{ start: string; end: string; zoomed: string; all: string; left: string }>(
      page(),
      `${helpers}
      const plot = document.querySelector(".plot");
      const said = () => plot.nextElementSibling.textContent;
      plot.focus(); press(plot, "Home"); await wait(); const start = said();
      press(plot, "End"); await wait(); const end = said();
      press(plot, "Home"); press(plot, "+"); await wait(); press(plot, "+"); await wait(); press(plot, "End"); await wait(); const zoomed = said();
      press(plot, "0"); await wait(); press(plot, "End"); await wait(); const all = said();
      plot.blur(); await wait();
      return { start, end, zoomed, all, left: said() };`,
    );
    expect(found.start).toMatch(/^step 1: first .*, second /);
    expect(found.end).toMatch(/^step (2,99\d|3,000): first 0\.\d+, second 0\.\d+$/);
    expect(found.zoomed).toMatch(/^step 7\d\d: /);
    expect(found.all).toBe(found.end);
    expect(found.left).toBe("");
  });

  test("says in words what was not finite, and what each run came to", () => {
    const found = opened<{ text: string; label: string }>(
      page(),
      `return { text: document.querySelector("main").innerText, label: document.querySelector(".plot").getAttribute("aria-label") };`,
    );
    expect(found.text).toContain("second: not a finite number once, first at step 100.");
    expect(found.label).toMatch(/^loss: first from 1\.01\d* to .*; second from /);
  });

  test("draws odd records: one step, no head, none but NaN, numbers whose differences overflow", () => {
    const folder = temporaryFolder();
    const lines = {
      ...{ one: headOf("one") + stepOf(1, { loss: 1 }), headless: stepOf(1, { loss: 2 }) + stepOf(2, { loss: 3 }) },
      ...{ none: headOf("none"), nan: headOf("nan") + stepOf(1, { loss: "NaN" }) },
      huge: headOf("huge") + stepOf(1, { huge: 1e308, constructor: 1 }) + stepOf(2, { huge: -1e308 }),
      ended:
        headOf("ended") +
        Array.from({ length: 500 }, (_, i) => stepOf(i, { loss: i < 499 ? 1 / (i + 1) : "NaN" })).join(""),
      torn: `${headOf("torn")}nonsense\n[]\n${stepOf(1, { loss: 4 })}{"step":2,"lo`,
    };
    const files = Object.entries(lines).map(([name, text]) => {
      const file = join(folder, `${name}.jsonl`);
      writeFileSync(file, text);
      return file;
    });
    expect(report(...files)).toMatchObject({ status: 0, stderr: "" });
    const { said, inks, text, losses } = opened<{ inks: number[]; text: string; losses: string[] }>(
      join(folder, "one.html"),
      `${helpers}
      const losses = [...document.querySelectorAll("#runs tbody tr")].map((row) => row.children[4].textContent);
      return { inks: inks(), text: document.querySelector("main").innerText, losses };`,
    );
    expect(said).toEqual([]);
    expect(losses).toEqual(["1", "3", "–", "NaN", "–", "NaN", "4"]);
    for (const ink of inks) expect(ink).toBeGreaterThan(5);
    for (const sentence of [
      "none: no step has been recorded yet.",
      "nan: not a finite number once, first at step 1.",
      "ended: not a finite number once, first at step 499.",
      "torn: 2 lines are no whole lines of a record, and passed over.",
    ])
      expect(text).toContain(sentence);
  });

  test("loads anew while it is followed, and keeps what was chosen", () => {
    const followed = page();
    const html = readFileSync(followed, "utf8").replace('"reload":null', '"reload":200');
    writeFileSync(followed, html);
    const found = opened<{ loads: number; checked: boolean; stopped: string }>(
      followed,
      `${helpers}
      const loads = Number(sessionStorage.getItem("loads") ?? 0) + 1;
      sessionStorage.setItem("loads", loads);
      if (loads === 1) boxes[4].click();
      if (loads < 3) await new Promise(() => {});
      document.querySelector("button").click();
      return { loads, checked: boxes[4].checked, stopped: document.querySelector("button").textContent };`,
    );
    expect(found).toEqual({ loads: 3, checked: true, stopped: "Follow", said: [] });
  });
});
