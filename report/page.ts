// The page that `npx rmsprop report` writes. The build puts this script, its style and uPlot into one file.
import type { ReportData, RunData, Series } from "../lib/cli/report-data.ts";
import type { Head } from "../lib/record/lines.ts";
import { byId, element, shown, shownSeconds, swatch } from "./dom.ts";
import { Plot } from "./plot.ts";
import { type State, save, state } from "./state.ts";

const data: ReportData = JSON.parse(byId("data").textContent ?? "");
const { runs, reload } = data;

/** What the recorder's own names mean. */
const explained: Readonly<Record<string, string>> = {
  lr: "learning rate",
  gradNorm: "norm of all gradients, before they are clipped by norm",
  updateNorm: "norm of the change of the parameters",
  largestUpdate: "largest change of a parameter's element",
  clipped: "gradient values clipped by value",
  nonFinite: "gradient values that are not finite",
  lossScale: "factor of the loss before the backward pass",
};

const names = [...new Set(runs.flatMap(({ series }) => Object.keys(series)))];
const plots = names.map((name) => new Plot(name, explained[name] ?? "", runs));

function drawAll(width?: number): void {
  for (const plot of plots) plot.draw(width);
}

/** A box or a button of a choice. */
function choice(
  type: "checkbox" | "radio",
  checked: boolean,
  change: (on: boolean) => void,
  ...label: (Node | string)[]
) {
  const input = element("input", { type, ...(type === "radio" && { name: "axis" }) });
  input.checked = checked;
  input.addEventListener("change", () => {
    change(input.checked);
    save();
    drawAll();
  });
  return element("label", {}, input, ...label);
}

function controls(): HTMLElement[] {
  const ofRuns = runs.map(({ name }, run) =>
    choice(
      "checkbox",
      !state.hidden.includes(name),
      (on) => {
        state.hidden = on ? state.hidden.filter((other) => other !== name) : [...state.hidden, name];
      },
      swatch(run),
      name,
    ),
  );
  const axis = (value: State["axis"], label: string) =>
    choice(
      "radio",
      state.axis === value,
      () => {
        state.axis = value;
        state.zoom = null;
      },
      label,
    );
  const log = choice(
    "checkbox",
    state.log,
    (on) => {
      state.log = on;
    },
    "logarithmic",
  );
  const all = [
    element("fieldset", {}, element("legend", {}, "Runs"), ...ofRuns),
    element("fieldset", {}, element("legend", {}, "Along"), axis("steps", "steps"), axis("seconds", "seconds")),
    element("fieldset", {}, element("legend", {}, "Values"), log),
  ];
  return reload === null ? all : [...all, element("fieldset", {}, element("legend", {}, "Run"), followButton())];
}

function followButton(): HTMLElement {
  const button = element("button", { type: "button" });
  const say = () => {
    button.textContent = state.follows ? "Stop following" : "Follow";
  };
  button.addEventListener("click", () => {
    state.follows = !state.follows;
    save();
    say();
  });
  say();
  return button;
}

const shownOption = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value));

/** A run's options as text, those of several groups beside each other. */
function optionsOf({ head }: RunData): Readonly<Record<string, string>> {
  const groups = head?.groups ?? [];
  const all = groups.flatMap((group) => Object.keys(group));
  return Object.fromEntries(
    [...new Set(all)].map((name) => [name, [...new Set(groups.map((group) => shownOption(group[name])))].join(", ")]),
  );
}

function backendOf({ backend: { name, isa, threads } }: Head): string {
  const set = name === "native" ? ` ${isa}` : "";
  return `${name}${set}, ${threads} ${threads === 1 ? "thread" : "threads"}`;
}

/** What a series came to: the last of its means, where it has any and did not end in what is not finite. */
const lastOf = (series: Series | undefined) =>
  typeof series?.last === "number" ? (series.means?.values.at(-1) ?? series.last) : series?.last;

/** A column of the table of runs: its title, its text, and whether that is a number. */
type Shown = readonly [title: string, of: (run: RunData, i: number) => string, isNumber?: boolean];

function table(): HTMLElement {
  const options = runs.map(optionsOf);
  const different = [...new Set(options.flatMap((each) => Object.keys(each)))].filter(
    (name) => options.every((each) => name in each) && new Set(options.map((each) => each[name])).size > 1,
  );
  const hasLoss = runs.some(({ series }) => series["loss"]);
  const losses: readonly Shown[] = [
    ["last loss", ({ series }) => shown(lastOf(series["loss"])), true],
    ["least loss", ({ series }) => shown(series["loss"]?.least), true],
  ];
  const columns: readonly Shown[] = [
    ["optimizer", ({ head }) => head?.optimizer ?? "–"],
    ["steps", ({ steps }) => shown(steps), true],
    ["time", ({ seconds }) => shownSeconds(seconds), true],
    ...(hasLoss ? losses : []),
    ["skipped", ({ skipped }) => shown(skipped), true],
    ["backend", ({ head }) => (head ? backendOf(head) : "–")],
    ...different.map((name) => [name, (_: RunData, i: number) => options[i]?.[name] ?? "–"] as const),
  ];
  const head = columns.map(([title, , isNumber]) =>
    element("th", { scope: "col", ...(isNumber && { class: "number" }) }, title),
  );
  const rows = runs.map((run, i) =>
    element(
      "tr",
      {},
      element("th", { scope: "row" }, swatch(i), " ", run.name),
      ...columns.map(([, of, isNumber]) => element("td", isNumber ? { class: "number" } : {}, of(run, i))),
    ),
  );
  return element(
    "div",
    { class: "scroll", tabindex: "0", role: "group", "aria-label": "Runs beside each other" },
    element(
      "table",
      {},
      element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "run"), ...head)),
      element("tbody", {}, ...rows),
    ),
  );
}

/** What a reader should know of a run beside its numbers. */
function notes({ name, lines, broken, resumed }: RunData): HTMLElement[] {
  const said = [
    ...(lines === 0 ? ["no step has been recorded yet"] : []),
    ...(resumed > 0 ? [`it went on from a checkpoint ${resumed === 1 ? "once" : `${resumed} times`}`] : []),
    ...(broken > 0
      ? [
          `${broken} ${broken === 1 ? "line is no whole line" : "lines are no whole lines"} of a record, and passed over`,
        ]
      : []),
  ];
  return said.map((text) => element("p", { class: "note" }, `${name}: ${text}.`));
}

/** Loads the page anew, which its process has written anew, unless somebody looks at a part of it or has stopped it. */
function follow(milliseconds: number): void {
  let pressed = false;
  addEventListener("pointerdown", () => {
    pressed = true;
  });
  addEventListener("pointerup", () => {
    pressed = false;
  });
  setInterval(() => {
    if (!state.follows || pressed || document.hidden) return;
    save();
    location.reload();
  }, milliseconds);
}

document.title = `${runs.map(({ name }) => name).join(", ")} – training report`;
const made = new Date(data.made).toLocaleString("en", { dateStyle: "medium", timeStyle: "medium" });
byId("made").textContent =
  `Written ${made} by rmsprop ${data.version}${reload === null ? "" : ", and again as the run goes on"}.`;
byId("controls").append(...controls());
byId("runs").append(table(), ...runs.flatMap(notes));
byId("plots").append(...plots.map(({ section }) => section));
drawAll();
scrollTo(0, state.scroll);

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawAll());
// The style of paper is light, whatever the screen's.
addEventListener("beforeprint", () => drawAll(680));
addEventListener("afterprint", () => drawAll());
addEventListener("pagehide", save);
if (reload !== null) follow(reload);
