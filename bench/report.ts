import type { Suite } from "./cases.ts";
import type { Result, Timing } from "./result.ts";

/** A ratio whose quartiles are farther apart than this, as a share of it, is marked. */
const noisy = 0.1;

/** What a case is called in a table. */
export function caseName({ case: of, threads }: Pick<Result, "case" | "threads">): string {
  const title = of.title === undefined ? "" : `${of.title}, `;
  const power = Math.log2(of.size);
  const size = Number.isInteger(power) ? `2^${power}` : String(of.size);
  const arrays = of.arrays === 1 ? size : `${of.arrays} x ${size}`;
  const used = threads ?? of.threads;
  return `${title}${arrays}, ${used} ${used === 1 ? "thread" : "threads"}`;
}

/** Nanoseconds, or a ratio, with three digits that count. */
export function digits(value: number): string {
  if (value >= 100) return value.toFixed(0);
  return value.toPrecision(3);
}

function ratioCell({ ratio }: Timing): string {
  if (!ratio) return "";
  const { median, lowerQuartile, upperQuartile } = ratio;
  return `${digits(median)}${(upperQuartile - lowerQuartile) / median > noisy ? "~" : " "}`;
}

/** What a native step costs beyond an empty call, which is where the small steps' time goes. */
const overEmpty = "native - empty call";

/** A table: a row a case, the nanoseconds an element (or array) of each contender, then the ratios. */
export function tableOf({ cases, per }: Suite, results: readonly Result[]): string[][] {
  const names = [...new Set(cases.flatMap(({ contenders }) => contenders))];
  const rivals = names.filter((name) => results.some(({ timings }) => timings[name]?.ratio));
  const headers = rivals.map((name) => `${name} / ${againstOf(results, name)}`);
  const withEmpty = rivals.includes("empty call");
  const header = ["", ...names, ...(withEmpty ? [overEmpty] : []), ...headers];
  const rows = results.map((result) => {
    const unit = per === "array" ? result.case.size : 1;
    const cell = (name: string, of: (timing: Timing) => string) => {
      const timing = result.timings[name];
      if (timing) return of(timing);
      return result.case.contenders.includes(name) ? "missing" : "";
    };
    const difference = result.timings["empty call"]?.ratio?.difference;
    return [
      caseName(result),
      ...names.map((name) => cell(name, ({ median }) => digits(median * unit))),
      ...(withEmpty ? [difference === undefined ? "" : digits(difference)] : []),
      ...rivals.map((name) => cell(name, ratioCell)),
    ];
  });
  return [header, ...rows];
}

function againstOf(results: readonly Result[], name: string): string {
  return results.map(({ timings }) => timings[name]?.ratio?.against).find((against) => against !== undefined) ?? "";
}

export function alignedTable(table: readonly (readonly string[])[]): string {
  const widths = (table[0] ?? []).map((_, column) => Math.max(...table.map((row) => (row[column] ?? "").length)));
  return table
    .map((row) =>
      row
        .map((cell, column) => {
          const width = widths[column] as number;
          return column === 0 ? cell.padEnd(width) : cell.padStart(width);
        })
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

export function markdownTable(table: readonly (readonly string[])[]): string {
  const [header = [], ...rows] = table;
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.trim()).join(" | ")} |`;
  return [line(header), line(header.map((_, column) => (column === 0 ? "---" : "---:"))), ...rows.map(line)].join("\n");
}

/** The versions of other projects' code, each once. */
export function versionsOf(results: readonly Result[]): string[] {
  const lines = results.flatMap(({ timings }) =>
    Object.entries(timings).flatMap(([name, { version }]) => (version === undefined ? [] : [`${name}: ${version}`])),
  );
  return [...new Set(lines)];
}

/** What was to be measured and is not there, each with its reason, once. */
export function missingOf(results: readonly Result[]): string[] {
  const lines = results.flatMap(({ missing }) => Object.entries(missing).map(([name, why]) => `${name}: ${why}.`));
  return [...new Set(lines)];
}
