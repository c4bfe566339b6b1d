// docs/options.md, made of the docstrings of the options, of their definitions, and of what the rules compute with them.
import type { AnyDefinition } from "../../lib/definition.ts";
import { definitions } from "../../lib/optimizers/all.ts";
import { defaultsOf, type OptionSpec } from "../../lib/options/option.ts";
import { optimizerOptions } from "../../lib/options/stages.ts";
import { readInterfaces } from "./declarations.ts";
import type { Docstring } from "./docstrings.ts";
import { written, writtenStep } from "./infix.ts";
import { rowOf } from "./optimizers/all.ts";
import { anchorOf } from "./pages.ts";

type AnyOptions = Record<string, unknown>;

const documented = new Map(
  [...readInterfaces()].map(([name, { parents, members }]) => [
    name,
    { parents, members: new Map(members.map((member) => [member.name, member.docstring])) },
  ]),
);

/** The interfaces of an optimizer's options: those that it extends, and last its own, whose docstrings come first. */
function interfacesOf(name: string): string[] {
  const found = documented.get(name);
  if (!found) throw new Error(`Expected an interface ${name} in lib/, but there is none.`);
  return [...found.parents.flatMap((parent) => interfacesOf(parent.name)), name];
}

/** The interfaces that all share. */
const common = definitions
  .map(({ name }) => interfacesOf(`${name}Options`))
  .reduce((shared, own) => shared.filter((name) => own.includes(name)));

/** What an option needs beside it to make a difference. */
const companions: Readonly<Record<string, AnyOptions>> = {
  nesterov: { momentum: 0.5 },
  lrInMomentum: { momentum: 0.5 },
  dampening: { momentum: 0.5 },
  decoupledWeightDecay: { weightDecay: 0.5 },
};

/** The lines of the step that an option shows in: those with its name, or else those that it changes. */
function formulas(definition: AnyDefinition, name: string): string[] {
  const base = { ...defaultsOf<AnyOptions>(definition.options), ...companions[name] };
  const on = { ...base, [name]: base[name] === false ? true : base[name] || 0.5 };
  const [without, lines] = [base, on].map((options) => [...writtenStep(definition, options)]) as [
    [string, string][],
    [string, string][],
  ];
  const word = new RegExp(`\\b${name}\\b`);
  const named = lines.filter(([, text]) => word.test(text));
  const before = new Map(without);
  const changed = lines.filter(([array, text]) => before.get(array) !== text);
  return (named.length > 0 ? named : changed).map(([array, text]) => `${array} = ${text}`);
}

const code = (text: string) => `\`${text}\``;

/**
 * An option's part of the page.
 * @throws Error where its docstring lacks something or says another default than the code has.
 */
function entry(definition: AnyDefinition, name: string, { text, tags }: Docstring): string {
  const spec = (definition.options as Record<string, OptionSpec>)[name] as OptionSpec;
  const initial = written(spec.default);
  if (!new RegExp(`Default ${initial.replace(/[.[\]+]/g, "\\$&")}(?![\\w.]*\\w)`).test(text)) {
    throw new Error(`Expected the docstring of '${name}' of ${definition.name} to say "Default ${initial}": ${text}`);
  }
  for (const tag of ["unit", "systems"]) {
    if (!tags[tag]) throw new Error(`Expected the docstring of '${name}' of ${definition.name} to have @${tag}.`);
  }
  const formula = tags.formula ?? formulas(definition, name).map(code).join(", ");
  if (!formula) rowOf(definition.name); // throws where there is none, and so no formulas
  if (!formula) throw new Error(`Expected '${name}' of ${definition.name} to show in the step, or to have @formula.`);
  return `### \`${name}\`

${text}

- Formula: ${formula}
- Default: ${code(initial)}; takes ${domains(name, spec)}${inFloat32(spec)}.
- Unit: ${tags.unit}
- Elsewhere: ${tags.systems}`;
}

/** What float32 parameters can have of it, where that is less. */
function inFloat32({ float32 }: OptionSpec): string {
  return float32 ? `; for float32 parameters ${float32.domain.replace(/,$/, "")}` : "";
}

/** What an option takes; of one that all have, each where they differ. */
function domains(name: string, { domain }: OptionSpec): string {
  const all = definitions.map((definition) => [definition.name, definition.options[name]?.domain] as const);
  const shared = common.some((found) => documented.get(found)?.members.has(name));
  if (!shared || all.every(([, found]) => found === domain)) return domain;
  return all.map(([optimizer, found]) => `${found} (${optimizer})`).join("; ");
}

/** The options of these interfaces, in the order of the definition. */
function entries(definition: AnyDefinition, names: readonly string[]): string {
  const docstrings = new Map(names.flatMap((name) => [...(documented.get(name)?.members ?? [])]));
  return Object.keys(definition.options)
    .flatMap((name) => {
      const found = docstrings.get(name);
      return found ? [entry(definition, name, found)] : [];
    })
    .join("\n\n");
}

function section(definition: AnyDefinition): string {
  const names = interfacesOf(`${definition.name}Options`);
  const known = new Set(names.flatMap((name) => [...(documented.get(name)?.members.keys() ?? [])]));
  const options = Object.keys(definition.options);
  const lacking = options.find((name) => !known.has(name)) ?? [...known].find((name) => !options.includes(name));
  if (lacking) throw new Error(`Expected '${lacking}' of ${definition.name} to be an option with a docstring.`);
  return `## ${definition.name}

${entries(
  definition,
  names.filter((name) => !common.includes(name)),
)}`;
}

// Where there is neither root nor state, what all have shows best.
const plainest = definitions.find(({ name }) => name === "SGD") as AnyDefinition;

const whole = { ...plainest, name: "OptimizerOptions", options: optimizerOptions } as AnyDefinition;
const wholeEntries = entries(whole, ["OptimizerOptions"]);
if (Object.keys(optimizerOptions).some((name) => !documented.get("OptimizerOptions")?.members.has(name))) {
  throw new Error("Expected each option of an optimizer as a whole to have a docstring.");
}

export const optionsPage = `# Options

Made by \`npm run docs\` from the docstrings and the rules; do not edit it.

Formulas are those of a step without a preset, as far as the option shows in them; [api.md](api.md#optimizers) has the whole step of each optimizer. \`grad\` is the gradient, \`param\` the parameter, \`t\` its step, from 1; the other names are state and options. [presets.md](presets.md) has the formulas and the defaults of other systems. Where nothing else is said, an option can be set between steps, \`optimizer.paramGroups[0].momentum = 0.9\`, and takes effect at the next.

"Elsewhere" says what other systems call it; one that is not named does not have it.

${definitions.map((definition) => section(definition)).join("\n\n")}

## Every optimizer

The formulas are those of SGD.

${entries(plainest, common)}

## The optimizer as a whole

These are for constructors only, \`new RMSprop(parameters, { clipGlobalNorm: 1 })\`: groups do not have them, and they cannot be set afterwards.

${wholeEntries}
`;

/** Where the page has each option: `RMSprop/lr` to its anchor. */
export const optionAnchors = new Map<string, string>();
{
  let section = "";
  const seen = new Map<string, number>();
  for (const [, marks, title] of optionsPage.matchAll(/^(##+) (.*)$/gm)) {
    const plain = anchorOf(title as string);
    const count = seen.get(plain) ?? 0;
    seen.set(plain, count + 1);
    if (marks === "##") section = title as string;
    else optionAnchors.set(`${section}/${(title as string).replaceAll("`", "")}`, count ? `${plain}-${count}` : plain);
  }
}
