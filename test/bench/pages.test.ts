// What pages show of a run of the benchmark.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { suites } from "../../bench/cases.ts";
import { overviewTable, type RunRecord, rivalsTable, wherePeersWin } from "../../bench/pages.ts";
import type { Timing } from "../../bench/result.ts";
import { root } from "../support/compile.ts";

const timing = (median: number, over?: number): Timing => {
  const ratio = over === undefined ? 0 : over;
  const quartiles = { median: ratio, lowerQuartile: ratio, upperQuartile: ratio, difference: 0, pairs: 5 };
  return {
    median,
    least: median,
    samples: 5,
    ...(over === undefined ? {} : { ratio: { against: "native", ...quartiles } }),
  };
};

/** A run in which each contender of a case takes the time that is given, and native 1. */
function run(times: Readonly<Record<string, number>>): RunRecord {
  const all = suites.map(({ name, title, cases }) => ({
    name,
    title,
    results: cases.map((of) => {
      const named = of.contenders.filter((contender) => contender === "native" || times[contender] !== undefined);
      const timings = named.map((contender) =>
        contender === "native"
          ? [contender, timing(1)]
          : [contender, timing(times[contender] as number, times[contender] as number)],
      );
      return { case: of, timings: Object.fromEntries(timings), missing: {} };
    }),
  }));
  return { machine: {}, suites: all };
}

describe("the tables of a run", () => {
  const torch = { PyTorch: 16, "PyTorch foreach": 15, "PyTorch, memory kept": 2, "PyTorch foreach, memory kept": 3 };

  it("the overview takes the faster of PyTorch's forms, as it comes and with memory kept", () => {
    const [header, , ...rows] = overviewTable(run(torch)).split("\n");
    expect(header).toBe("| elements | rmsprop | PyTorch | PyTorch, memory kept |");
    expect(rows).toHaveLength(5);
    expect(rows[0]).toBe("| 2^10 | 1.00 | 15.0 | 2.00 |");
  });

  it("the rivals have each form by itself", () => {
    const [header, , ...rows] = rivalsTable(run(torch)).split("\n");
    expect(header).toBe(
      `| 2^24 elements | rmsprop | ${["PyTorch", "PyTorch, memory kept", "PyTorch foreach", "PyTorch foreach, memory kept"].join(" | ")} |`,
    );
    expect(rows[0]).toMatch(/^\| RMSprop, 1 thread \| 1\.00 \| 16\.0 \| 2\.00 \| 15\.0 \| 3\.00 \|$/);
    expect(rows).toHaveLength(suites.find(({ name }) => name === "rivals")?.cases.length as number);
  });

  it.each([
    [{ "plain loop": 0.5 }, "plain loop", "0.500"],
    [{ "plain loop": 1.4 }, "plain loop", "1.40"],
    [{ "bare loop": 0.9 }, "bare loop", "0.900"],
    [{ "PyTorch foreach, memory kept": 1.2 }, "PyTorch foreach, memory kept", "1.20"],
  ])("%j is a case where we do not win", (times, contender, ratio) => {
    const text = wherePeersWin(run(times));
    expect(text).toMatch(new RegExp(`^\\| [^|]+ \\| ${contender} \\| ${ratio} \\|$`, "m"));
  });

  it.each([{ "plain loop": 1.5 }, { "bare loop": 0.96 }, { limit: 0.5, "empty call": 0.1 }])("%j is none", (times) => {
    expect(wherePeersWin(run(times as Record<string, number>))).toMatch(/^Of \d+ comparisons in the kept run 0 are/);
  });
});

describe("the pages", () => {
  it.each([
    ["bench/README.md", "rivals"],
    ["bench/README.md", "where we do not win"],
  ])("%s has a place for %s", (page, name) => {
    const text = readFileSync(join(root, page), "utf8");
    const begin = text.indexOf(`<!-- bench: ${name} -->`);
    expect(begin).toBeGreaterThanOrEqual(0);
    expect(text.indexOf("<!-- /bench -->", begin)).toBeGreaterThan(begin);
  });

  it("every suite is described", () => {
    const page = readFileSync(join(root, "bench/README.md"), "utf8");
    for (const { name } of suites) expect(page).toMatch(new RegExp(`^\\| ${name} \\|`, "m"));
  });
});
