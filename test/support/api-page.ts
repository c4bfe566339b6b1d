// docs/api.md, made of what the package exports and of its docstrings.
import type { OptimErrorCode } from "../../lib/index.ts";
import { entryPoints, type Section } from "./api-layout.ts";
import { type Export, type Member, type Parameter, readExports } from "./declarations.ts";
import type { Docstring } from "./docstrings.ts";
import { errorExamples, thrownBy } from "./error-examples.ts";
import { optionAnchors } from "./options-page.ts";
import { anchorOf } from "./pages.ts";

interface Entry {
  /** As its heading and links name it. */
  readonly name: string;
  readonly level: 3 | 4;
  readonly body: string;
}

const codes = Object.keys(errorExamples) as OptimErrorCode[];
const isCode = (text: string) => codes.includes(text as OptimErrorCode);

/** What is exported, by entry point and section; what no section names comes in one at the end of its entry point. */
const placed = entryPoints.map((entryPoint) => {
  const found = new Map(readExports(entryPoint.files).map((each) => [each.name, each]));
  const sections = entryPoint.sections.map((section) => ({ section, exports: take(section, found) }));
  const rest = [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  const further: Section = { title: `Also in ${entryPoint.specifier}`, exports: [] };
  return rest.length === 0 ? sections : [...sections, { section: further, exports: rest }];
});

function take(section: Section, found: Map<string, Export>): Export[] {
  return section.exports.map((name) => {
    const each = found.get(name);
    if (!each)
      throw new Error(`Expected '${name}', of the section ${section.title}, to be exported; see api-layout.ts.`);
    found.delete(name);
    return each;
  });
}

/** An interface's members, and those of what it extends that is not exported. */
function allMembers({ members, parents }: Export): readonly Member[] {
  return [...members, ...parents.filter(({ name }) => !known.has(name)).flatMap(allMembers)];
}

/** The exports whose names lead to a heading. */
const known = new Set(placed.flatMap((sections) => sections.flatMap(({ exports }) => exports.map(({ name }) => name))));

const code = (text: string) => `\`${text}\``;
const linkTo = (text: string, name: string) => `[${code(text)}](#${anchorOf(name)})`;
/** For a cell of a table. */
const cell = (text: string) => text.replaceAll("|", "\\|");
const fence = (language: string, text: string) => `\`\`\`${language}\n${text.trimEnd()}\n\`\`\``;
const parts = (...texts: readonly (string | undefined)[]) => texts.filter(Boolean).join("\n\n");

/** A type with links from the names in it that have a heading. */
function typeLink(type: string): string {
  // Code spans that touch would be one, with the backticks between them in it: only names with links stand apart.
  const pieces = type.replace(/(?<![."\w])[A-Z]\w+\b/g, (name) => (known.has(name) ? `\0${name}\0` : name)).split("\0");
  const shown = pieces.map((piece, i) => (i % 2 ? linkTo(piece, piece) : piece && code(piece)));
  return cell(shown.join(""));
}

/** Prose with links from the codes of errors to their headings. */
function prose(text: string): string {
  return text.replace(/(?<![`\w])ERR_\w+/g, (name) => (isCode(name) ? linkTo(name, name) : name));
}

function table(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(titles), line(titles.map(() => "---")), ...rows.map(line)].join("\n");
}

function parameterTable(parameters: readonly Parameter[], { params }: Docstring): string | undefined {
  if (params.size === 0) return undefined;
  const unknown = [...params.keys()].find((name) => !parameters.some((parameter) => parameter.name === name));
  if (unknown) throw new Error(`Expected a parameter '${unknown}', which a docstring tells of.`);
  return table(
    ["parameter", "type", "meaning"],
    parameters.map(({ name, type, optional, rest }) => [
      code(`${rest ? "..." : ""}${name}${optional ? "?" : ""}`),
      typeLink(type),
      cell(prose(params.get(name) ?? "")),
    ]),
  );
}

const throwsOf = ({ tags }: Docstring) => tags.throws && `Throws ${prose(tags.throws)}`;
const returnsOf = ({ tags }: Docstring) => tags.returns && `Returns ${prose(tags.returns)}`;
const examplesOf = ({ examples }: Docstring) => examples.map((program) => fence("js", program)).join("\n\n");

function callable(signatures: readonly string[], parameters: readonly Parameter[], docstring: Docstring): string {
  return parts(
    fence("ts", signatures.join("\n")),
    prose(docstring.text),
    parameterTable(parameters, docstring),
    returnsOf(docstring),
    throwsOf(docstring),
    examplesOf(docstring),
  );
}

const optionSections: Readonly<Record<string, string>> = {
  CommonOptions: "Every optimizer",
  StageOptions: "Every optimizer",
  OptimizerOptions: "The optimizer as a whole",
};

function fields(each: Export): string | undefined {
  const { name } = each;
  const members = allMembers(each);
  if (members.length === 0) return undefined;
  const section = optionSections[name] ?? name.replace(/Options$/, "");
  return table(
    ["name", "type", "meaning"],
    members.map(({ name: field, type, optional, signatures, parameters, docstring }) => {
      const shown = code(signatures ? callOf(field, parameters) : `${field}${optional ? "?" : ""}`);
      const anchor = optionAnchors.get(`${section}/${field}`);
      // What options.md tells at length is said in its first sentence here.
      const text = anchor ? docstring.text.replace(/(?<=\.)\s.*$/s, "") : prose(docstring.text.replaceAll("\n\n", " "));
      return [
        anchor ? `[${shown}](options.md#${anchor})` : shown,
        typeLink(type),
        cell(parts(text, throwsOf(docstring)).replaceAll("\n\n", " ")),
      ];
    }),
  );
}

const callOf = (name: string, parameters: readonly Parameter[]) =>
  `${name}(${parameters.map(({ name: each, rest }) => (rest ? `...${each}` : each)).join(", ")})`;

function parentsOf({ parents }: Export): string | undefined {
  const named = parents.filter(({ name }) => known.has(name)).map(({ name }) => linkTo(name, name));
  return named.length > 0 ? `Has the fields of ${named.join(" and ")} too.` : undefined;
}

/** A property or a method of a class, under the name that an instance mostly has. */
function memberEntry(instance: string, { name, type, signatures, parameters, docstring }: Member): Entry {
  const shown = name.startsWith("[") ? `${instance}${name}` : `${instance}.${name}`;
  return signatures
    ? { name: `${shown}()`, level: 4, body: callable(signatures, parameters, docstring) }
    : { name: shown, level: 4, body: callable([`${name}: ${type};`], [], docstring) };
}

/** A class: how it is made, what it is, and each of its members under a heading. */
function classEntries(each: Export, title: string): Entry[] {
  const { name, docstring, members } = each;
  const made = members.find((member) => member.name === "constructor");
  const construction = made &&
    !("internal" in made.docstring.tags) && {
      signatures: (made.signatures ?? []).map((signature) => signature.replace(/^constructor/, `new ${name}`)),
      parameters: parameterTable(made.parameters, made.docstring),
      throws: throwsOf(made.docstring),
    };
  const head: Entry = {
    name: title,
    level: 3,
    body: parts(
      construction ? fence("ts", construction.signatures.join("\n")) : "",
      prose(docstring.text),
      construction ? construction.parameters : "",
      construction ? construction.throws : "",
      examplesOf(docstring),
    ),
  };
  const instance = name === "OptimError" ? "error" : name.slice(0, 1).toLowerCase() + name.slice(1);
  const rest = members.filter((member) => member !== made);
  return [head, ...rest.map((member) => memberEntry(instance, member))];
}

/** A namespace: its functions, each with the options that only it takes, then its other types. */
function namespaceEntries({ name: space, exports }: Export, order: readonly string[] = []): Entry[] {
  const byName = new Map(exports.map((each) => [each.name, each]));
  const functions = exports
    .filter(({ kind }) => kind === "function")
    .sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name));
  const told = new Set<string>();
  const entries = functions.map(({ name, signatures, parameters, docstring: own }): Entry => {
    const options = parameters.flatMap(({ type }) => byName.get(type) ?? []).filter(({ kind }) => kind === "interface");
    for (const each of options) {
      checkDocstrings(each);
      told.add(each.name);
    }
    const tables = options.map((each) => parts(`\`${space}.${each.name}\`:`, fields(each)));
    return { name: `${space}.${name}()`, level: 3, body: parts(callable(signatures, parameters, own), ...tables) };
  });
  const types = exports.filter(({ kind, name }) => kind !== "function" && !told.has(name) && !known.has(name));
  return [...entries, ...types.flatMap((each) => entriesOf(each, each.name))];
}

async function codeEntries({ alternatives }: Export): Promise<Entry[]> {
  return Promise.all(
    alternatives.map(async ([literal, comment]) => {
      const name = literal.replaceAll('"', "") as OptimErrorCode;
      if (!comment) throw new Error(`Expected a comment before ${literal} in the codes of errors.`);
      return { name, level: 4 as const, body: comment };
    }),
  );
}

/** Whether an interface only lists what an object has, without a word on it. */
const isBare = ({ kind, members }: Export) =>
  kind === "interface" && members.length > 0 && members.every(({ docstring }) => docstring.text === "");

/** @throws Error where an export, or a member of one, has no docstring. */
function checkDocstrings(each: Export): void {
  const { name, docstring } = each;
  const silent = isBare(each)
    ? undefined
    : allMembers(each).find((member) => member.docstring.text === "" && member.name !== "constructor");
  if (docstring.text !== "" && !silent) return;
  throw new Error(`Expected a docstring of '${silent ? `${name}.${silent.name}` : name}', which is exported.`);
}

/** @param title What its heading says. */
function entriesOf(each: Export, title: string, order?: readonly string[]): Entry[] {
  const { kind, docstring, signatures, parameters } = each;
  if (kind !== "namespace") checkDocstrings(each);
  switch (kind) {
    case "class":
      return classEntries(each, title);
    case "namespace":
      return namespaceEntries(each, order);
    case "function":
      return [{ name: `${title}()`, level: 3, body: callable(signatures, parameters, docstring) }];
    case "interface": {
      const listed = isBare(each) ? fence("ts", signatures.join("\n")) : fields(each);
      const body = parts(prose(docstring.text), listed, parentsOf(each), examplesOf(docstring));
      return [{ name: title, level: 3, body }];
    }
    default: {
      const body = parts(fence("ts", signatures.join("\n")), prose(docstring.text), examplesOf(docstring));
      return [{ name: title, level: 3, body }];
    }
  }
}

/** The codes of errors one after the other, because each example runs in the same folder of this process. */
async function errorEntries(each: Export): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (const entry of await codeEntries(each)) {
    const name = entry.name as OptimErrorCode;
    const program = errorExamples[name];
    const { code: thrown, message } = await thrownBy(program);
    if (thrown !== name) throw new Error(`Expected the example of ${name} to throw it, but it throws ${thrown}.`);
    const body = parts(entry.body, fence("js", program), fence("", `OptimError ${thrown}: ${message}`));
    entries.push({ ...entry, body });
  }
  return entries;
}

async function sectionEntries({ order }: Section, exports: readonly Export[]): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (const each of exports) {
    entries.push(...entriesOf(each, each.name, order));
    if (each.name === "OptimErrorCode") entries.push(...(await errorEntries(each)));
  }
  return entries;
}

/** @throws Error where something lacks a docstring, or two headings have one anchor. */
export async function makeApiPage(): Promise<string> {
  const contents: string[] = [];
  const bodies: string[] = [];
  const anchors = new Set<string>();
  const anchor = (title: string) => {
    const made = anchorOf(title);
    if (anchors.has(made)) throw new Error(`Expected one heading for the anchor ${made}, of ${title}.`);
    anchors.add(made);
    return made;
  };
  for (const { section, exports } of placed.flat()) {
    const { title, intro } = section;
    const entries = await sectionEntries(section, exports);
    const links = entries.map(({ name }) => [name, anchor(name)] as const);
    contents.push(
      `- [${title}](#${anchor(title)}): ${links.map(([name, to]) => `[${code(name)}](#${to})`).join(", ")}`,
    );
    const told = entries.map(({ name, level, body }) => parts(`${"#".repeat(level)} ${code(name)}`, body));
    bodies.push(parts(`## ${title}`, intro, ...told));
  }
  return `# API

Made by \`npm run docs\` from the docstrings; do not edit it.

Every export of \`rmsprop\`, \`rmsprop/checkpoint\` and \`rmsprop/tfjs\`. All errors are [\`OptimError\`](#optimerror)s, thrown before anything is changed, except where the file system or your own functions throw.

${contents.join("\n")}

${bodies.join("\n\n")}
`;
}
