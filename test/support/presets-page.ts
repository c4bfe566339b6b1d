// docs/presets.md, made of the presets and of what their rules compute.
import { type Definition, readWithPreset } from "../../lib/definition.ts";
import { defaultsOf } from "../../lib/options/option.ts";
import { stageOptions } from "../../lib/options/stages.ts";
import { written, writtenStep } from "./infix.ts";
import { rows } from "./optimizers/all.ts";
import type { Cells, Column, OptimizerRow } from "./optimizers/row.ts";

type AnyOptions = Record<string, unknown>;

const plain = (definition: unknown) => definition as Definition<AnyOptions>;

function optionsOf(definition: Definition<AnyOptions>, preset: string | null, given: AnyOptions): AnyOptions {
  return readWithPreset(definition, defaultsOf<AnyOptions>(definition.options), { preset, ...given });
}

/** The new value of an array under these options, or undefined where they are refused. */
function formula(definition: Definition<AnyOptions>, preset: string | null, given: AnyOptions, array: string) {
  const options = optionsOf(definition, preset, given);
  return definition.conflict(options) === undefined ? writtenStep(definition, options).get(array) : undefined;
}

const code = (text: string | undefined) => (text === undefined ? "" : `\`${text.replaceAll("|", "\\|")}\``);

/** What is under the root. */
function underRoot(text: string): string {
  let depth = 1;
  const start = text.indexOf("sqrt(") + "sqrt(".length;
  let end = start;
  for (; depth > 0; end++) depth += text[end] === "(" ? 1 : text[end] === ")" ? -1 : 0;
  return text.slice(start, end - 1);
}

/** The parameter as decoupled weight decay leaves it, before the step is subtracted. */
function decayed(definition: Definition<AnyOptions>, preset: string | null, given: AnyOptions): string {
  const decay = { ...given, weightDecay: 0.5, decoupledWeightDecay: true };
  const [without, withDecay] = [given, decay].map((options) => formula(definition, preset, options, "param"));
  const step = (without as string).slice("param".length);
  if (!withDecay?.endsWith(step)) throw new Error(`Expected ${withDecay} to end in ${step}.`);
  return withDecay.slice(0, -step.length);
}

/** The options that a preset sets, and with which value. */
function defaults(definition: Definition<AnyOptions>, preset: string | null, given: AnyOptions = {}): string {
  const all = defaultsOf<AnyOptions>(definition.options);
  const options = optionsOf(definition, preset, given);
  const own = Object.entries(options).filter(
    ([name, value]) =>
      name !== "preset" &&
      !(name in given) &&
      (preset === null ? value && !(name in stageOptions) : value !== all[name]),
  );
  return own.map(([name, value]) => code(`${name} ${written(value)}`)).join(", ") || "as without a preset";
}

function table(definition: Definition<AnyOptions>, columns: readonly Column[]): string {
  const row = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const rows = [null, ...Object.keys(definition.presets)].map((preset) =>
    row([preset === null ? "none" : code(preset), ...columns.map(({ cell }) => cell(preset))]),
  );
  const titles = ["preset", ...columns.map(({ title }) => title)];
  return [row(titles), row(titles.map(() => "---")), ...rows].join("\n");
}

/** The part of an optimizer. */
function section(row: OptimizerRow): string[] {
  const definition = plain(row.definition);
  if (!row.page) return [];
  const cells: Cells = {
    formula: (preset, given, array) => code(formula(definition, preset, given as AnyOptions, array)),
    underRoot: (preset, given) => code(underRoot(formula(definition, preset, given as AnyOptions, "param") as string)),
    decayed: (preset, given) => code(decayed(definition, preset, given as AnyOptions)),
    defaults: (preset, given) => defaults(definition, preset, given as AnyOptions),
  };
  return [`## ${definition.name}\n\n${table(definition, row.page.columns(cells))}\n\n${row.page.notes}`];
}

export const presetsPage = `# Presets

Made by \`npm run docs\` from the presets and the rules; do not edit it.

A preset is the options and the order of operations of another system, so that a run can be moved here, or compared, to the last bit. \`new RMSprop(params, { preset: "keras" })\` has Keras's defaults; options given beside it override it; a group may have its own. It is given once and cannot be set on a running group.

In the tables every operation is rounded once, in the number type of the parameters. \`fma(a, b, c)\` is \`a * b + c\` rounded once on float32; on float64 it is not fused, because JavaScript has no exact emulation of that at a bearable price: there \`torch\` and \`torch2\` follow PyTorch's formulas and not its last bits. (PyTorch 1.13.1 in float64, 300 steps of RMSprop on 1,021 elements: a third of them differ plain, three quarters with momentum, centering and decay, by at most 1.1e-13 of their value.) Operations that change no bit are left out. The weight decay of L2 is added to \`grad\` first, as \`grad + weightDecay * param\`, by PyTorch as \`fma(param, weightDecay, grad)\`.

${rows.flatMap(section).join("\n\n")}
`;
