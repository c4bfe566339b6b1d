type Child = Node | string;

/** An element with attributes and children. */
export function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Readonly<Record<string, string>> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** The element with an id, which the page has. */
export const byId = (id: string): HTMLElement => document.getElementById(id) as HTMLElement;

/** A number for people. */
export function shown(value: number | string | null | undefined): string {
  if (value === null || value === undefined) return "–";
  if (typeof value === "string") return value;
  const size = Math.abs(value);
  if (value !== 0 && (size >= 1e7 || size < 1e-4)) return value.toExponential(3).replace(/\.?0+e/, "e");
  return Number(value.toPrecision(5)).toLocaleString("en", { maximumSignificantDigits: 5 });
}

/** Seconds for people. */
export function shownSeconds(seconds: number): string {
  if (seconds < 90) return `${shown(Number(seconds.toPrecision(3)))} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** A colour of the theme that is shown. */
export const themed = (name: string): string =>
  getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** The number of colours that runs have. */
const colours = 8;
const dashes: readonly (readonly number[])[] = [[], [8, 4], [2, 3], [10, 3, 2, 3]];

export const colourOf = (run: number): string => `--run-${run % colours}`;

/** Runs differ in their dashes too, for those who see no colours, and on paper. */
export const dashOf = (run: number): number[] => [...(dashes[run % dashes.length] as readonly number[])];

/** A piece of a run's line, for legends. */
export function swatch(run: number): SVGSVGElement {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  const attributes = { width: "28", height: "10", "aria-hidden": "true", focusable: "false" };
  for (const [name, value] of Object.entries(attributes)) svg.setAttribute(name, value);
  const line = document.createElementNS(space, "line");
  const places = {
    x1: "0",
    x2: "28",
    y1: "5",
    y2: "5",
    "stroke-width": "3",
    "stroke-dasharray": dashOf(run).join(" "),
  };
  for (const [name, value] of Object.entries(places)) line.setAttribute(name, value);
  line.style.stroke = `var(${colourOf(run)})`;
  svg.append(line);
  return svg;
}
