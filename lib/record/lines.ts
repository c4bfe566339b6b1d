// The lines of a record: JSON, one object a line. The first of a run, the head, says what runs; each other is of one step.

import { OptimError } from "../errors.ts";
import type { StepInfo } from "../optimizer.ts";
import { show } from "../values/show.ts";
import { isPlain, isRecord } from "../values/values.ts";

/** The version of the form, in each head. */
export const format = 1;

/** What the first line of a run says. */
export interface Head {
  readonly rmsprop: typeof format;
  /** For people. */
  readonly name: string;
  /** When it began, as ISO 8601 has it. */
  readonly began: string;
  /** The optimizer's class. */
  readonly optimizer: string;
  /** The options of each group that JSON can hold, and the number of its parameters; a function is "a function". */
  readonly groups: readonly Readonly<Record<string, unknown>>[];
  readonly backend: { readonly name: string; readonly isa: string; readonly threads: number };
}

/** Whether a line of the form is a head as the recorder writes it. */
export function isHead(line: object): line is Head {
  const { name, optimizer, groups, backend } = line as Partial<Record<keyof Head, unknown>>;
  if (!Array.isArray(groups) || !groups.every(isRecord) || !isRecord(backend)) return false;
  const { name: kind, isa, threads } = backend as Partial<Record<keyof Head["backend"], unknown>>;
  return [name, optimizer, kind, isa].every((text) => typeof text === "string") && Number.isInteger(threads);
}

/** The names in a line that are the recorder's own. */
export const ownNames = [
  ...["step", "time", "lr", "lossScale", "applied", "skipped", "accumulated"],
  ...["gradNorm", "updateNorm", "largestUpdate", "clipped", "nonFinite"],
] as const;

/** The findings that a step may have, in the order in which a line has them. */
const findings = ["accumulated", "gradNorm", "updateNorm", "largestUpdate", "clipped", "nonFinite"] as const;

/** A number in JSON, which has no NaN and no infinity: those are strings. */
export const numberText = (value: number): string =>
  value - value === 0 ? `${value}` : Number.isNaN(value) ? '"NaN"' : value > 0 ? '"Infinity"' : '"-Infinity"';

/** 000 to 999: small numbers and parts of text cost a third of what a double with its digits costs. */
const thousandths = Array.from({ length: 1000 }, (_, i) => `${i}`.padStart(3, "0"));

/** Whole milliseconds as seconds. */
function secondsText(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  return `${seconds}.${thousandths[milliseconds - 1000 * seconds]}`;
}

/** What JSON can hold of an option. */
function plain(value: unknown): unknown {
  if (typeof value === "function") return "a function";
  if (typeof value === "number" && !Number.isFinite(value)) return String(value);
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(plain);
  return isPlain(value) && !Object.values(value).some((part) => typeof part === "function")
    ? Object.fromEntries(Object.entries(value).map(([name, part]) => [name, plain(part)]))
    : "a schedule";
}

/** The options of groups as a head has them. */
export const plainGroups = (groups: readonly object[]): Head["groups"] =>
  groups.map((group) =>
    Object.fromEntries(
      Object.entries(group).map(([name, value]) =>
        name === "params" ? ["parameters", (value as readonly string[]).length] : [name, plain(value)],
      ),
    ),
  );

/** Writes the lines of steps. */
export class Lines {
  /** `,"loss":` of each name that a user has given. */
  readonly #labels = new Map<string, string>();
  #rates: readonly number[] = [];
  #rateText = "";

  /** @throws OptimError ERR_OPTION where a name or a value is none. */
  of(info: StepInfo, rates: readonly number[], lossScale: number, milliseconds: number, values: object): string {
    // First what can refuse.
    let given = "";
    for (const name in values) {
      const value: unknown = (values as Record<string, unknown>)[name];
      if (value === undefined) continue;
      if (typeof value !== "number") {
        throw new OptimError(
          "ERR_OPTION",
          `Expected ${show(name)} of a recorded step to be a number, but it is ${show(value)}.`,
        );
      }
      given += (this.#labels.get(name) ?? this.#label(name)) + numberText(value);
    }
    let line = `{"step":${info.step},"time":${secondsText(milliseconds)}${given}${this.#rateOf(rates)}`;
    if (!info.applied) line += ',"applied":false';
    if (info.skipped) line += ',"skipped":true';
    for (let i = 0; i < findings.length; i++) {
      const name = findings[i] as (typeof findings)[number];
      const value = info[name];
      if (value !== undefined) line += `,"${name}":${numberText(value)}`;
    }
    return lossScale === 1 ? `${line}}\n` : `${line},"lossScale":${lossScale}}\n`;
  }

  #label(name: string): string {
    if ((ownNames as readonly string[]).includes(name)) {
      throw new OptimError(
        "ERR_OPTION",
        `Expected a name of a recorded step that is not the recorder's own, but found '${name}'.`,
      );
    }
    const label = `,${JSON.stringify(name)}:`;
    this.#labels.set(name, label);
    return label;
  }

  /** The text of the rates, made anew where one has changed: most runs keep theirs for many steps. */
  #rateOf(rates: readonly number[]): string {
    const before = this.#rates;
    let same = rates.length === before.length;
    for (let i = 0; same && i < rates.length; i++) same = Object.is(rates[i], before[i]);
    if (same) return this.#rateText;
    this.#rates = rates;
    const known = rates.filter((rate) => !Number.isNaN(rate));
    this.#rateText =
      known.length === 0 ? "" : `,"lr":${known.length === 1 ? known[0] : `[${rates.map((rate) => numberText(rate))}]`}`;
    return this.#rateText;
  }
}
