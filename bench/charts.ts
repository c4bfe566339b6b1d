import type { Suite } from "./cases.ts";
import type { Result } from "./result.ts";
import { type Chart, lineChart, type Role, type Series } from "./svg.ts";

/** What a chart shows of a suite: what x is, and which results belong to one set of lines. */
interface Drawing {
  readonly suite: string;
  readonly file: string;
  readonly title: string;
  readonly x: "size" | "threads";
  /** Put before the names of a result's series. Default: nothing. */
  readonly set?: (result: Result) => string;
  readonly contenders?: readonly string[];
}

const power = (value: number) => (Number.isInteger(Math.log2(value)) ? `2^${Math.log2(value)}` : String(value));
const threadsOf = ({ threads, case: of }: Result) => Number(threads ?? of.threads);

const drawings: readonly Drawing[] = [
  {
    suite: "overview",
    file: "one-thread.svg",
    title: "A step of RMSprop, float32, one array, one thread",
    x: "size",
  },
  {
    suite: "large",
    file: "large.svg",
    title: "Out of cache: steps and the limit of memory",
    x: "size",
    set: (result) =>
      `${result.case.title?.replace(/^RMSprop, /, "") ?? "plain"}, ${threadsOf(result)} thread${threadsOf(result) === 1 ? "" : "s"}: `,
    contenders: ["native", "limit"],
  },
  {
    suite: "scaling",
    file: "threads.svg",
    title: "A step of RMSprop, float32, by threads",
    x: "threads",
    set: ({ case: { size } }) => `${power(size)}: `,
    contenders: ["native", "limit"],
  },
];

const roles: Readonly<Record<string, Role>> = { native: "ours", limit: "limit", "bare loop": "bare" };

/** The charts of what was measured, by file name. */
export function chartsOf(
  measured: readonly { suite: Suite; results: readonly Result[] }[],
  machine: string,
): Map<string, string> {
  const charts = new Map<string, string>();
  for (const drawing of drawings) {
    const results = measured.find(({ suite }) => suite.name === drawing.suite)?.results ?? [];
    const series = seriesOf(drawing, results);
    if (new Set(series.flatMap(({ points }) => points.map(({ x }) => x))).size < 2) continue;
    const chart: Chart = {
      title: drawing.title,
      subtitle: machine,
      xLabel: drawing.x === "size" ? "elements of the array" : "threads",
      yLabel: "nanoseconds an element",
      xTick: drawing.x === "size" ? power : String,
      series,
    };
    charts.set(drawing.file, lineChart(chart));
  }
  return charts;
}

function seriesOf({ x, set, contenders }: Drawing, results: readonly Result[]): Series[] {
  const series = new Map<string, { role: Role; points: { x: number; y: number }[] }>();
  for (const result of results) {
    for (const [name, { median }] of Object.entries(result.timings)) {
      if (contenders && !contenders.includes(name)) continue;
      const ours = set ? "rmsprop" : "rmsprop (this library)";
      const title = `${set?.(result) ?? ""}${name === "native" ? ours : name}`;
      const line = series.get(title) ?? { role: roles[name] ?? "rival", points: [] };
      series.set(title, line);
      line.points.push({ x: x === "size" ? result.case.size : threadsOf(result), y: median });
    }
  }
  return [...series].map(([name, line]) => ({ name, ...line }));
}
