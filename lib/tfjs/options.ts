// From options by TensorFlow.js's names to those of ours.
import { OptimError } from "../errors.ts";
import type { LearningRate } from "../schedules/learning-rate.ts";
import { show } from "../values/show.ts";
import { isRecord } from "../values/values.ts";
import type { Kind } from "./kinds.ts";
import { checkOptionNames } from "./names.ts";
import type { ConfigDict, TensorFlow } from "./tensorflow.ts";

/** How variables get their new values. */
export type Write = "auto" | "replace" | "inPlace";

const writes: readonly unknown[] = ["auto", "replace", "inPlace"];

/** An optimizer's options, read and not yet checked by ours. */
export interface TakenOptions {
  readonly write: Write;
  /** By the names of ours, but for the learning rate. */
  readonly core: Readonly<Record<string, unknown>>;
  readonly learningRate: LearningRate;
  /** By the names of TensorFlow.js, with its defaults; then what was given beside them. */
  readonly config: Readonly<Record<string, unknown>>;
}

/** Options from an object, or in the order of TensorFlow.js's constructor. */
function named(kind: Kind, given: readonly unknown[]): Record<string, unknown> {
  const [first] = given;
  if (given.length === 1 && isRecord(first) && !("rate" in first)) return { ...first };
  const names = Object.keys(kind.names);
  return Object.fromEntries(given.slice(0, names.length).map((value, i) => [names[i], value]));
}

/**
 * Reads options, each once.
 * @throws Error where a required option is lacking, in TensorFlow.js's words; OptimError ERR_OPTION.
 */
export function takeOptions(tf: TensorFlow, kind: Kind, given: readonly unknown[]): TakenOptions {
  const found = Object.entries(named(kind, given)).filter(([, value]) => value !== undefined && value !== null);
  const { write = "auto", ...options } = Object.fromEntries(found);
  if (!writes.includes(write)) {
    throw new OptimError(
      "ERR_OPTION",
      `Expected 'write' to be "auto", "replace" or "inPlace", but it is ${show(write)}.`,
    );
  }
  checkOptionNames(kind, Object.keys(options));
  const hasPreset = options.preset !== undefined;
  const epsilon = "epsilon" in kind.names && !hasPreset ? { epsilon: tf.backend().epsilon() } : {};
  // A preset has defaults of its own, which those of TensorFlow.js would overrule when a model is loaded.
  const { learningRate: rate, ...defaults } = kind.defaults;
  const all: Record<string, unknown> = { learningRate: rate, ...(hasPreset ? {} : defaults), ...epsilon, ...options };
  const { learningRate } = all;
  for (const name of ["learningRate", ...(kind.required ?? [])]) {
    if (all[name] === undefined) throw new Error(`${name} for ${kind.name}Optimizer must be defined.`);
  }
  const wanted = hasPreset ? options : { ...kind.base(options), ...all };
  const core = Object.entries(wanted).map(([name, value]) => [kind.names[name] ?? name, value] as const);
  const saved = Object.entries(all).filter(([name]) => name in options || !kind.beside?.includes(name));
  return {
    write: write as Write,
    core: Object.fromEntries(core.filter(([name]) => name !== "lr")),
    learningRate: learningRate as LearningRate,
    config: { ...Object.fromEntries(saved), ...(write === "auto" ? {} : { write }) },
  };
}

/** The options as TensorFlow.js saves them: its own in its order, then what was given beside them. */
export function configOf(kind: Kind, config: Readonly<Record<string, unknown>>, learningRate: number): ConfigDict {
  const own = Object.keys(kind.names).filter((name) => name in config);
  const others = Object.keys(config).filter((name) => !(name in kind.names));
  const entries = [...own, ...others].map((name) => [name, name === "learningRate" ? learningRate : config[name]]);
  return Object.fromEntries(entries) as ConfigDict;
}
