// What the figure of paths shows, as its controls, its address and its JSON have it.
import type { RMSpropPresetName } from "../../../../lib/optimizers/rmsprop-options.ts";
import type { PathSettings, Point, RunSettings, SurfaceName } from "../../../../lib/paths/index.ts";
import { surfaces } from "../../../../lib/paths/index.ts";

/** The optimizers of the figure; RMSprop is drawn last, above the others. */
export const kinds = ["sgd", "momentum", "adagrad", "adam", "rmsprop"] as const;
export type Kind = (typeof kinds)[number];

export const titles: Readonly<Record<Kind, string>> = {
  sgd: "SGD",
  momentum: "Momentum",
  adagrad: "Adagrad",
  adam: "Adam",
  rmsprop: "RMSprop",
};

/** Every preset; the type says if one is missing. */
const presetNames: Readonly<Record<RMSpropPresetName, true>> = {
  torch: true,
  torch2: true,
  tf1: true,
  keras: true,
  tfjs: true,
  optax: true,
  timm: true,
  mxnet: true,
  mlx: true,
  graves: true,
  dqn: true,
  hinton: true,
};
export const presets = Object.keys(presetNames) as RMSpropPresetName[];
export const surfaceNames = Object.keys(surfaces) as SurfaceName[];

/** The options of RMSprop that have a control. */
export interface Options {
  lr: number;
  alpha: number;
  eps: number;
  momentum: number;
  centered: boolean;
}
export type OptionName = keyof Options;
export const optionNames: readonly OptionName[] = ["lr", "alpha", "eps", "momentum", "centered"];

export interface State {
  surface: SurfaceName;
  start: Point;
  steps: number;
  seed: number;
  preset: RMSpropPresetName | "";
  options: Options;
  /** Learning rates of the others. */
  rates: Record<Exclude<Kind, "rmsprop">, number>;
  /** Those that are not shown. */
  hidden: Kind[];
}

/**
 * SGD needs a rate for each function, because the steepest direction bounds it: these are near the largest that do not
 * diverge from the function's own start. The others have one for all.
 */
const ratesOf: Readonly<Record<SurfaceName, Readonly<Record<"sgd" | "momentum", number>>>> = {
  valley: { sgd: 0.003, momentum: 0.001 },
  saddle: { sgd: 0.05, momentum: 0.02 },
  scales: { sgd: 0.018, momentum: 0.003 },
  noise: { sgd: 0.05, momentum: 0.02 },
};

export function defaults(surface: SurfaceName = "scales"): State {
  return {
    surface,
    start: surfaces[surface].start,
    steps: stepsOf[surface],
    seed: 1,
    preset: "",
    options: { lr: 0.02, alpha: 0.9, eps: 1e-8, momentum: 0, centered: false },
    rates: { ...ratesOf[surface], adagrad: 0.3, adam: 0.05 },
    hidden: [],
  };
}

/** Enough for RMSprop to come near the lowest point. */
const stepsOf: Readonly<Record<SurfaceName, number>> = { valley: 200, saddle: 100, scales: 100, noise: 160 };

/** Another function: its own start, steps and rates of SGD; what else was chosen stays. */
export function moveTo(state: State, surface: SurfaceName): void {
  const { start, steps, rates } = defaults(surface);
  Object.assign(state, { surface, start, steps });
  Object.assign(state.rates, { sgd: rates.sgd, momentum: rates.momentum });
}

function runOf(state: State, kind: Kind): RunSettings {
  if (kind === "rmsprop") {
    return { optimizer: "RMSprop", options: { ...state.options, ...(state.preset && { preset: state.preset }) } };
  }
  const lr = state.rates[kind];
  if (kind === "momentum") return { optimizer: "SGD", options: { lr, momentum: 0.9 } };
  return { optimizer: ({ sgd: "SGD", adagrad: "Adagrad", adam: "Adam" } as const)[kind], options: { lr } };
}

export const shownOf = (state: State): Kind[] => kinds.filter((kind) => !state.hidden.includes(kind));

/** The JSON, which `npx rmsprop replay` takes. */
export function settingsOf(state: State): PathSettings {
  const { surface, start, steps, seed } = state;
  const runs = shownOf(state).map((kind) => runOf(state, kind));
  return { version: 1, surface, start, steps, seed, dtype: "float32", runs };
}

/** The address's query: whatever is not as it is at first. */
export function toQuery(state: State): string {
  const plain = defaults(state.surface);
  const query = new URLSearchParams();
  const put = (name: string, value: unknown, otherwise: unknown) => {
    if (String(value) !== String(otherwise)) query.set(name, String(value));
  };
  put("surface", state.surface, defaults().surface);
  put("start", state.start, plain.start);
  put("steps", state.steps, plain.steps);
  put("seed", state.seed, plain.seed);
  put("preset", state.preset, plain.preset);
  for (const name of optionNames) put(name, state.options[name], plain.options[name]);
  for (const [kind, rate] of Object.entries(state.rates)) put(kind, rate, plain.rates[kind as keyof State["rates"]]);
  put("hidden", state.hidden, "");
  return String(query);
}

/** The state of an address; what cannot be read there is as at first. */
export function fromQuery(text: string): State {
  const query = new URLSearchParams(text);
  const one = <T extends string>(name: string, words: readonly T[], otherwise: T): T => {
    const word = query.get(name) as T;
    return words.includes(word) ? word : otherwise;
  };
  const number = (name: string, from: number, to: number, otherwise: number) => {
    const text = query.get(name);
    const value = Number(text);
    return text && value >= from && value <= to ? value : otherwise;
  };
  const state = defaults(one("surface", surfaceNames, defaults().surface));
  const start = (query.get("start") ?? "").split(",").map(Number);
  if (start.length === 2 && start.every(Number.isFinite)) state.start = start as unknown as Point;
  state.steps = Math.round(number("steps", 1, 2000, state.steps));
  state.seed = Math.round(number("seed", 0, 2 ** 32 - 1, state.seed));
  state.preset = one("preset", ["", ...presets], "");
  const { options, rates } = state;
  options.lr = number("lr", 0, 10, options.lr);
  options.alpha = number("alpha", 0, 1, options.alpha);
  options.eps = number("eps", 0, 10, options.eps);
  options.momentum = number("momentum", 0, 1, options.momentum);
  options.centered = query.get("centered") === "true";
  for (const kind of Object.keys(rates) as (keyof typeof rates)[]) rates[kind] = number(kind, 0, 10, rates[kind]);
  state.hidden = (query.get("hidden") ?? "").split(",").filter((kind): kind is Kind => kinds.includes(kind as Kind));
  return state;
}
