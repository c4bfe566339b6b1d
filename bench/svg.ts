/** Who a series stands for: drawn so that they are told apart at a glance. */
export type Role = "ours" | "limit" | "bare" | "rival";

export interface Series {
  readonly name: string;
  readonly role: Role;
  /** In the order of x. */
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

export interface Chart {
  readonly title: string;
  readonly subtitle: string;
  /** With the unit. */
  readonly xLabel: string;
  readonly yLabel: string;
  /** A tick for each x that occurs, written so. */
  readonly xTick: (x: number) => string;
  readonly series: readonly Series[];
}

const width = 820;
const height = 480;
const frame = { left: 76, top: 66, bottom: 62 };
/** Of the widest letters. */
const letterWidth = 8.2;
const labelHeight = 17;

/** Of ours, of bounds, and of rivals in turn: on a light ground, and on a dark one. */
const palette: Readonly<Record<string, readonly [light: string, dark: string]>> = {
  ours: ["#0550ae", "#58a6ff"],
  limit: ["#59636e", "#9198a1"],
  bare: ["#59636e", "#9198a1"],
  r0: ["#bc4c00", "#f0883e"],
  r1: ["#8250df", "#bc8cff"],
  r2: ["#1a7f37", "#56d364"],
  r3: ["#bf3989", "#f778ba"],
  r4: ["#9a6700", "#e3b341"],
  r5: ["#0e7490", "#39c5cf"],
  r6: ["#cf222e", "#ff7b72"],
  r7: ["#7d4e2d", "#d0a98f"],
};
const rivalColours = 8;

/** Without variables, which not every renderer knows. */
function colours(theme: 0 | 1): string {
  return Object.entries(palette)
    .map(([name, colour]) => `.${name} .line { stroke: ${colour[theme]} } .${name} .filled { fill: ${colour[theme]} }`)
    .join("\n");
}

/** Light or dark as the reader's system is, with a ground of its own, so that it can be read on any page. */
const style = `
.ground { fill: #ffffff } .ink { fill: #1f2328 } .soft { fill: #59636e } .grid { stroke: #d8dee4; stroke-width: 1 }
text { font: 13px system-ui, "DejaVu Sans", sans-serif } .title { font-size: 16px; font-weight: 600 } .name { font-weight: 600 }
.line { fill: none; stroke-width: 2; stroke-linejoin: round } .bold { stroke-width: 4 } .dash { stroke-dasharray: 7 5 }
.dots { stroke-dasharray: 2 4 } .leader { stroke-width: 1; stroke-opacity: 0.5 }
${colours(0)}
@media (prefers-color-scheme: dark) {
.ground { fill: #0d1117 } .ink { fill: #e6edf3 } .soft { fill: #9198a1 } .grid { stroke: #2b323b }
${colours(1)}
}`;

const escaped = (text: string) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;");
const round = (value: number) => Math.round(value * 10) / 10;

/** 1, 2 and 5 times powers of ten from `low` to `high`, fewer where there would be many. */
function logTicks(low: number, high: number): number[] {
  const all = [1, 2, 5].map((digit) => Array.from({ length: 25 }, (_, i) => Number(`${digit}e${i - 12}`)));
  const steps = high / low > 1000 ? all.slice(0, 1) : all;
  return steps
    .flat()
    .filter((tick) => tick >= low && tick <= high)
    .sort((a, b) => a - b);
}

/** Moves labels apart that would lie over one another, each as little as it can. */
function spread(wanted: readonly number[]): number[] {
  const order = wanted.map((y, i) => ({ y, i })).sort((a, b) => a.y - b.y);
  for (let pass = 0; pass < 200; pass++) {
    for (let k = 1; k < order.length; k++) {
      const above = order[k - 1] as { y: number };
      const below = order[k] as { y: number };
      const overlap = labelHeight - (below.y - above.y);
      if (overlap <= 0) continue;
      above.y -= overlap / 2;
      below.y += overlap / 2;
    }
  }
  const placed = new Array<number>(wanted.length);
  for (const { y, i } of order) placed[i] = y;
  return placed;
}

/** Lines over logarithmic axes, each named where it ends. */
export function lineChart({ title, subtitle, xLabel, yLabel, xTick, series }: Chart): string {
  const points = series.flatMap((each) => each.points);
  const xs = [...new Set(points.map(({ x }) => x))].sort((a, b) => a - b);
  const ys = points.map(({ y }) => y);
  const [low, high] = [Math.min(...ys) / 1.25, Math.max(...ys) * 1.25];
  const [first, last] = [xs[0] as number, xs.at(-1) as number];
  const right = width - 40 - letterWidth * Math.max(...series.map(({ name }) => name.length));
  const bottom = height - frame.bottom;
  const x = (value: number) =>
    frame.left + (Math.log(value / first) / Math.log(last / first || 2)) * (right - frame.left);
  const y = (value: number) => bottom - (Math.log(value / low) / Math.log(high / low)) * (bottom - frame.top);

  const parts = [
    `<rect class="ground" width="${width}" height="${height}" rx="6"/>`,
    `<text class="ink title" x="20" y="28">${escaped(title)}</text>`,
    `<text class="soft" x="20" y="48">${escaped(subtitle)}</text>`,
  ];
  for (const tick of logTicks(low, high)) {
    parts.push(
      `<line class="grid" x1="${frame.left}" x2="${right}" y1="${round(y(tick))}" y2="${round(y(tick))}"/>`,
      `<text class="soft" x="${frame.left - 8}" y="${round(y(tick) + 4)}" text-anchor="end">${tick}</text>`,
    );
  }
  for (const value of xs) {
    parts.push(
      `<line class="grid" x1="${round(x(value))}" x2="${round(x(value))}" y1="${frame.top}" y2="${bottom}"/>`,
      `<text class="soft" x="${round(x(value))}" y="${bottom + 20}" text-anchor="middle">${escaped(xTick(value))}</text>`,
    );
  }
  parts.push(
    `<text class="ink" x="${(frame.left + right) / 2}" y="${height - 16}" text-anchor="middle">${escaped(xLabel)}</text>`,
    `<text class="ink" transform="translate(20 ${(frame.top + bottom) / 2}) rotate(-90)" text-anchor="middle">${escaped(yLabel)}</text>`,
  );

  const ends = spread(series.map(({ points }) => y((points.at(-1) as { y: number }).y)));
  let rivals = 0;
  const drawn = series.map((each, i) => {
    const colour = each.role === "rival" ? `r${rivals++ % rivalColours}` : each.role;
    const look = { ours: "bold", limit: "dash", bare: "dots", rival: "" }[each.role];
    const at = each.points.map((point) => `${round(x(point.x))},${round(y(point.y))}`);
    const end = each.points.at(-1) as { x: number; y: number };
    const marks = each.points.map(
      (point) =>
        `<circle class="filled" cx="${round(x(point.x))}" cy="${round(y(point.y))}" r="${each.role === "ours" ? 5 : 3.5}"/>`,
    );
    const label = `<text class="filled${each.role === "ours" ? " name" : ""}" x="${right + 22}" y="${round((ends[i] as number) + 4)}">${escaped(each.name)}</text>`;
    const leader = `<polyline class="line leader" points="${round(x(end.x) + 6)},${round(y(end.y))} ${right + 18},${round(ends[i] as number)}"/>`;
    return `<g class="${colour}"><polyline class="line ${look}" points="${at.join(" ")}"/>${leader}${marks.join("")}${label}</g>`;
  });
  // Ours last, so that it lies above.
  const order = drawn
    .map((_, i) => i)
    .sort((a, b) => Number(series[a]?.role === "ours") - Number(series[b]?.role === "ours"));
  parts.push(...order.map((i) => drawn[i] as string));
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escaped(title)}"><style>${style}</style>\n${parts.join("\n")}\n</svg>\n`;
}
