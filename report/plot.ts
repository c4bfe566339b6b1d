import uPlot from "uplot";
import type { Line, RunData, Series } from "../lib/cli/report-data.ts";
import { colourOf, dashOf, element, shown, themed } from "./dom.ts";
import { state } from "./state.ts";

/** A run that has values of a plot's name. */
interface Drawn {
  /** The number of the run, from 0. */
  readonly run: number;
  readonly name: string;
  readonly series: Series;
}

const height = 240;

/** Steps between ticks along steps: whole ones. */
const wholeIncrements = Array.from({ length: 16 }, (_, power) => [1, 2, 5].map((digit) => digit * 10 ** power)).flat();

/** Those between values. uPlot's own end at 5e31, and a loss that explodes goes on. */
const increments = Array.from({ length: 340 }, (_, i) =>
  [1, 2, 2.5, 5].map((digit) => Number(`${digit}e${i - 32}`)),
).flat();

/** The largest value that is drawn where it is: differences of those beyond overflow, and nothing would be drawn. */
const largest = 1e307;
const group = uPlot.sync("runs");

/** A line as uPlot has it: null is a gap. */
function table({ steps, seconds, values }: Line): uPlot.AlignedData {
  const x = state.axis === "steps" ? steps : seconds;
  const y = values.map((value) => {
    // A logarithm has no place for what is not above 0.
    if (value === null || (state.log && value <= 0)) return null;
    return Math.min(Math.max(value, -largest), largest);
  });
  // uPlot wants rising places; two of one step count as one place after the other.
  return [[...x], y] as uPlot.AlignedData;
}

/** The last value of a line at or before a place. */
function valueAt({ steps, seconds, values }: Line, place: number): number | null | undefined {
  const x = state.axis === "steps" ? steps : seconds;
  let [low, high] = [0, x.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((x[middle] as number) <= place) low = middle + 1;
    else high = middle;
  }
  return low === 0 ? undefined : values[low - 1];
}

/** A plot of one name, of all runs that have it. */
export class Plot {
  readonly section: HTMLElement;
  readonly #drawn: readonly Drawn[];
  readonly #place = element("div", { class: "plot", tabindex: "0", role: "group", "aria-roledescription": "plot" });
  readonly #readout = element("p", { class: "readout" });
  #plot: uPlot | undefined;
  #width = 0;

  constructor(title: string, explained: string, runs: readonly RunData[]) {
    this.#drawn = runs.flatMap(({ name, series }, run) => {
      const own = Object.hasOwn(series, title) ? series[title] : undefined;
      return own ? [{ run, name, series: own }] : [];
    });
    this.#place.setAttribute("aria-label", `${title}: ${this.#drawn.map(inWords).join("; ")}`);
    const heading = element("h2", {}, title, ...(explained === "" ? [] : [" ", element("small", {}, explained)]));
    this.section = element(
      "section",
      {},
      heading,
      this.#place,
      this.#readout,
      ...this.#drawn.flatMap(warning),
      numbers(this.#drawn),
    );
    this.#place.addEventListener("keydown", (event) => this.#onKey(event));
    this.#place.addEventListener("blur", () => this.#move(null));
    new ResizeObserver(() => {
      if (this.#place.clientWidth !== this.#width) this.draw();
    }).observe(this.#place);
  }

  /** Draws anew: with other colours, of another width, or other runs. */
  draw(width = this.#place.clientWidth): void {
    this.#width = width;
    this.#plot?.destroy();
    this.#plot = undefined;
    if (width === 0) return;
    const shownRuns = this.#drawn.filter(({ name }) => !state.hidden.includes(name));
    const tables: uPlot.AlignedData[] = [];
    const series: uPlot.Series[] = [{}];
    for (const { run, series: own } of shownRuns) {
      const stroke = themed(colourOf(run));
      const dash = dashOf(run);
      const few = own.count <= 60;
      tables.push(table(own));
      series.push({
        stroke,
        dash: own.means ? [] : dash,
        width: own.means ? 1 : 2,
        alpha: own.means ? 0.35 : 1,
        points: { show: few, size: 5 },
      });
      if (!own.means) continue;
      tables.push(table(own.means));
      series.push({ stroke, dash, width: 2, points: { show: false } });
    }
    const axis: uPlot.Axis = {
      stroke: themed("--soft"),
      grid: { stroke: themed("--grid"), width: 1 },
      ticks: { stroke: themed("--line"), width: 1 },
      font: "12px system-ui, sans-serif",
    };
    const options: uPlot.Options = {
      ...{ width, height, series, legend: { show: false } },
      scales: { x: { time: false }, y: state.log ? { distr: 3 } : {} },
      axes: [
        {
          ...axis,
          size: 32,
          values: (_, ticks) => ticks.map((tick) => shown(tick)),
          ...(state.axis === "steps" && { incrs: wholeIncrements }),
        },
        {
          ...axis,
          size: 70,
          incrs: increments,
          values: (_, ticks) => ticks.map((tick) => (tick === null ? "" : shown(tick))),
        },
      ],
      cursor: { sync: { key: "runs", setSeries: false }, drag: { x: true, y: false }, points: { show: false } },
      hooks: {
        setCursor: [(plot) => this.#read(plot)],
        setSelect: [],
        setScale: [
          (plot, scale) => {
            if (scale !== "x" || plot.status !== 1) return;
            const { min, max } = plot.scales["x"] as { min: number; max: number };
            state.zoom = this.#isWhole(plot, min, max) ? null : [min, max];
          },
        ],
      },
    };
    const data = tables.length > 0 ? (uPlot.join(tables) as uPlot.AlignedData) : ([[]] as unknown as uPlot.AlignedData);
    this.#plot = new uPlot(options, data, this.#place);
    group.sub(this.#plot);
    if (state.zoom) this.#plot.setScale("x", { min: state.zoom[0], max: state.zoom[1] });
  }

  #isWhole(plot: uPlot, min: number, max: number): boolean {
    const [places] = plot.data;
    return min <= (places[0] ?? 0) && max >= (places.at(-1) ?? 0);
  }

  /** Says what the runs have where the cursor is. */
  #read(plot: uPlot): void {
    const { left = -1 } = plot.cursor;
    if (left < 0) {
      this.#readout.textContent = "";
      return;
    }
    const place = plot.posToVal(left, "x");
    const at = state.axis === "steps" ? `step ${shown(Math.round(place))}` : `${shown(place)} s`;
    const parts = this.#drawn
      .filter(({ name }) => !state.hidden.includes(name))
      .map(({ name, series }) => {
        const value = valueAt(series.means ?? series, place);
        return `${name} ${value === null ? "not finite" : shown(value)}`;
      });
    this.#readout.textContent = `${at}: ${parts.join(", ")}`;
  }

  #move(left: number | null): void {
    this.#plot?.setCursor({ left: left ?? -10, top: left === null ? -10 : height / 3 });
  }

  #onKey(event: KeyboardEvent): void {
    const plot = this.#plot;
    if (!plot || event.ctrlKey || event.metaKey || event.altKey) return;
    const width = plot.over.clientWidth;
    const { left = -1 } = plot.cursor;
    const here = left < 0 ? 0 : left;
    const moves: Readonly<Record<string, number>> = {
      ArrowLeft: Math.max(here - (event.shiftKey ? 40 : 4), 0),
      ArrowRight: Math.min(here + (event.shiftKey ? 40 : 4), width - 1),
      Home: 0,
      End: width - 1,
    };
    const zooms: Readonly<Record<string, number>> = { "+": 0.5, "=": 0.5, "-": 2 };
    if (event.key in moves) this.#move(moves[event.key] as number);
    else if (event.key in zooms) this.#zoom(plot, left < 0 ? width / 2 : left, zooms[event.key] as number);
    else if (event.key === "0" || event.key === "Escape") this.#all(plot);
    else return;
    event.preventDefault();
    this.#readout.setAttribute("aria-live", "polite");
  }

  #zoom(plot: uPlot, left: number, factor: number): void {
    const { min = 0, max = 1 } = plot.scales["x"] ?? {};
    const [places] = plot.data;
    const [first, last] = [places[0] ?? 0, places.at(-1) ?? 1];
    const middle = plot.posToVal(left, "x");
    const from = Math.max(middle - (middle - min) * factor, first);
    const to = Math.min(middle + (max - middle) * factor, last);
    for (const each of group.plots) each.setScale("x", { min: from, max: to });
  }

  #all(plot: uPlot): void {
    const [places] = plot.data;
    for (const each of group.plots) each.setScale("x", { min: places[0] ?? 0, max: places.at(-1) ?? 1 });
    state.zoom = null;
  }
}

const inWords = ({ name, series }: Drawn) =>
  `${name} from ${shown(series.values[0])} to ${shown(series.last)}, least ${shown(series.least)}, most ${shown(series.most)}`;

function warning({ name, series }: Drawn): HTMLElement[] {
  const { nonFinite, firstNonFinite } = series;
  if (nonFinite === 0) return [];
  const times = nonFinite === 1 ? "once" : `${shown(nonFinite)} times`;
  return [
    element("p", { class: "note warning" }, `${name}: not a finite number ${times}, first at step ${firstNonFinite}.`),
  ];
}

/** The numbers of a plot, for those who read no plot. */
function numbers(drawn: readonly Drawn[]): HTMLElement {
  const head = ["run", "values", "last", "least", "most"].map((title, i) =>
    element("th", { scope: "col", ...(i > 0 && { class: "number" }) }, title),
  );
  const rows = drawn.map(({ name, series: { count, last, least, most } }) =>
    element(
      "tr",
      {},
      element("th", { scope: "row" }, name),
      ...[count, last, least, most].map((value) => element("td", { class: "number" }, shown(value))),
    ),
  );
  const whole = element("table", {}, element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...rows));
  return element("details", {}, element("summary", {}, "Numbers"), element("div", { class: "scroll" }, whole));
}
