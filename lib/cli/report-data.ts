// From a record to what the page of a report plots: for each pixel column of a plot the least and the largest value, so that no
// peak is lost however long the run is.

import type { Head } from "../record/lines.ts";
import { absent, type Column, type RecordReader } from "../record/read.ts";

/** The pixel columns of a plot. */
const columns = 1000;

/** The parts of a run whose means are drawn over its values, and whose speeds are plotted. */
const parts = 200;

/** One line of a plot: steps, seconds and values of its points; null where a value is not finite. */
export interface Line {
  readonly steps: readonly number[];
  readonly seconds: readonly number[];
  readonly values: readonly (number | null)[];
}

/** The values of one name in a run. */
export interface Series extends Line {
  /** The means of parts of the run, where it has many values. */
  readonly means: Line | null;
  readonly count: number;
  readonly last: number | string;
  readonly least: number | null;
  readonly most: number | null;
  /** The number of values that are not finite, and the step of the first. */
  readonly nonFinite: number;
  readonly firstNonFinite: number | null;
}

/** A run as the page shows it. */
export interface RunData {
  readonly name: string;
  readonly file: string;
  readonly head: Head | null;
  /** The number of times that it went on from a checkpoint. */
  readonly resumed: number;
  readonly lines: number;
  /** The last step. */
  readonly steps: number;
  readonly seconds: number;
  readonly skipped: number;
  /** Lines that were none of a record. */
  readonly broken: number;
  readonly series: Readonly<Record<string, Series>>;
}

/** What the page is made of. */
export interface ReportData {
  readonly version: string;
  /** When it was made, as ISO 8601 has it. */
  readonly made: string;
  /** The milliseconds after which the page loads anew, while somebody follows the run; null where none does. */
  readonly reload: number | null;
  readonly runs: readonly RunData[];
}

/** The page needs no more digits than its plots have pixels. */
const short = (value: number) => Number(value.toPrecision(7));

class Points {
  readonly steps: number[] = [];
  readonly seconds: number[] = [];
  readonly values: (number | null)[] = [];

  add(step: number, second: number, value: number): void {
    this.steps.push(step);
    this.seconds.push(short(second));
    this.values.push(Number.isFinite(value) ? short(value) : null);
  }
}

/** The values of a run by row; `absent` where a row has none. */
type Values = (row: number) => number;

const valuesOf =
  (column: Column | undefined): Values =>
  (row) =>
    column !== undefined && row < column.length ? column.get(row) : absent;

interface Rows {
  readonly count: number;
  readonly step: Values;
  readonly second: Values;
}

/** The number of the part that a row's step is in. */
function partsOf({ count, step }: Rows, of: number): (row: number) => number {
  let [first, last] = [step(0), step(0)];
  for (let row = 1; row < count; row++) {
    const at = step(row);
    if (at < first) first = at;
    if (at > last) last = at;
  }
  const scale = of / (last - first + 1);
  return (row) => Math.floor((step(row) - first) * scale);
}

/** Of each pixel column the least and the largest value, in their order, and the first that is not finite. */
function extremes(rows: Rows, value: Values, partOf: (row: number) => number): Points {
  const points = new Points();
  const add = (row: number) => points.add(rows.step(row), rows.second(row), value(row));
  let [part, low, high, bad] = [-1, -1, -1, -1];
  const flush = () => {
    const chosen = [...new Set([low, high, bad])].filter((row) => row >= 0).sort((a, b) => a - b);
    chosen.forEach(add);
    low = high = bad = -1;
  };
  for (let row = 0; row < rows.count; row++) {
    const found = value(row);
    if (found === absent) continue;
    const here = partOf(row);
    if (here !== part) {
      flush();
      part = here;
    }
    if (found - found !== 0) {
      if (bad < 0) bad = row;
      continue;
    }
    if (low < 0 || found < value(low)) low = row;
    if (high < 0 || found > value(high)) high = row;
  }
  flush();
  return points;
}

/** The means of the finite values of each part, at its middle. */
function meansOf(rows: Rows, value: Values, partOf: (row: number) => number): Points {
  const points = new Points();
  let [part, sum, count, step, second] = [-1, 0, 0, 0, 0];
  const flush = () => {
    if (count > 0) points.add(Math.round(step / count), second / count, sum / count);
    sum = count = step = second = 0;
  };
  for (let row = 0; row < rows.count; row++) {
    const found = value(row);
    if (found === absent || found - found !== 0) continue;
    const here = partOf(row);
    if (here !== part) {
      flush();
      part = here;
    }
    sum += found;
    step += rows.step(row);
    second += rows.second(row);
    count++;
  }
  flush();
  return points;
}

function seriesOf(
  rows: Rows,
  value: Values,
  inColumns: (row: number) => number,
  inParts: (row: number) => number,
): Series {
  let [count, nonFinite, firstNonFinite] = [0, 0, null as number | null];
  let [least, most, last] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN];
  for (let row = 0; row < rows.count; row++) {
    const found = value(row);
    if (found === absent) continue;
    count++;
    last = found;
    if (found - found !== 0) {
      nonFinite++;
      firstNonFinite ??= rows.step(row);
      continue;
    }
    if (found < least) least = found;
    if (found > most) most = found;
  }
  const { steps, seconds, values } = extremes(rows, value, inColumns);
  return {
    ...{ steps, seconds, values, count, nonFinite, firstNonFinite },
    means: count > 2 * parts && least < most ? { ...meansOf(rows, value, inParts) } : null,
    last: Number.isFinite(last) ? short(last) : String(last),
    least: least <= most ? short(least) : null,
    most: least <= most ? short(most) : null,
  };
}

/** The steps a second of each part of a run. */
function speedOf(rows: Rows, partOf: (row: number) => number): Series | undefined {
  const points = new Points();
  let [from, part] = [0, partOf(0)];
  let last = Number.NaN;
  for (let row = 1; row < rows.count; row++) {
    if (partOf(row) === part && row < rows.count - 1) continue;
    const [taken, passed] = [rows.step(row) - rows.step(from), rows.second(row) - rows.second(from)];
    // Times have three digits: over a shorter time, at the end too, the quotient would be noise.
    if (passed < 0.02) continue;
    if (taken > 0) {
      last = taken / passed;
      points.add(rows.step(row), rows.second(row), last);
    }
    [from, part] = [row, partOf(row)];
  }
  if (points.values.length < 2) return undefined;
  const all = points.values as number[];
  const [least, most] = [all.reduce((a, b) => Math.min(a, b)), all.reduce((a, b) => Math.max(a, b))];
  return {
    ...{
      ...points,
      means: null,
      count: all.length,
      last: short(last),
      least,
      most,
      nonFinite: 0,
      firstNonFinite: null,
    },
  };
}

/** Those that are no plot of their own. */
const unplotted = new Set(["step", "time", "applied", "skipped", "accumulated"]);

/** The recorder's own names, in the order of their plots, after the user's. */
const own = ["lr", "gradNorm", "updateNorm", "largestUpdate", "clipped", "nonFinite", "lossScale"];

function plottedNames(names: readonly string[]): string[] {
  const isRate = (name: string) => name.startsWith("lr of group ");
  const given = names.filter((name) => !unplotted.has(name) && !own.includes(name) && !isRate(name));
  const [first, ...others] = own as [string, ...string[]];
  return [...given, first, ...names.filter(isRate), ...others].filter((name) => names.includes(name));
}

/** What the page shows of a record. */
export function runDataOf(reader: RecordReader, name: string): RunData {
  const { columns: read, heads, length: count } = reader;
  const rows: Rows = { count, step: valuesOf(read.get("step")), second: valuesOf(read.get("time")) };
  const series: Record<string, Series> = Object.create(null); // a user's name may be that of anything
  let skipped = 0;
  if (count > 0) {
    const [inColumns, inParts] = [partsOf(rows, columns), partsOf(rows, parts)];
    for (const each of plottedNames([...read.keys()])) {
      series[each] = seriesOf(rows, valuesOf(read.get(each)), inColumns, inParts);
    }
    if (read.has("skipped")) {
      const isSkipped = valuesOf(read.get("skipped"));
      const sums = new Float64Array(count);
      for (let row = 0; row < count; row++) {
        if (isSkipped(row) === 1) skipped++;
        sums[row] = skipped;
      }
      series["steps skipped so far"] = {
        ...seriesOf(rows, (row) => sums[row] as number, inColumns, inParts),
        means: null,
      };
    }
    const speed = speedOf(rows, inParts);
    if (speed) series["steps a second"] = speed;
  }
  return {
    ...{ name, file: reader.path, head: heads.at(-1) ?? null, resumed: reader.resumed },
    ...{ lines: count, steps: count > 0 ? rows.step(count - 1) : 0, skipped, broken: reader.broken, series },
    seconds: count > 0 ? short(rows.second(count - 1)) : 0,
  };
}
