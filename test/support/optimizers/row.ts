// What the tests know of an optimizer: a row of their table (all.ts).
import type { AnyDefinition } from "../../../lib/definition.ts";
import type { Formula } from "../formula.ts";
import type { OptionCase } from "../option-kinds.ts";

/** Values for a rule's coefficients and slots with which every operation matters. */
export interface RuleCase {
  /** Each set is used for half of the arrays. */
  coefficients: readonly [Readonly<Record<string, number>>, Readonly<Record<string, number>>];
  /** What makes all that can be neutral so, in the first set. */
  neutral?: Readonly<Record<string, number>>;
  /** Bounds of the slots' values before the first step. */
  initial: Readonly<Record<string, readonly [number, number]>>;
}

/** What docs/presets.md is made with: each takes a preset, or null for none, and options beside it. */
export interface Cells {
  /** The new value of an array, a slot or `param`, as code; "" where the options are refused. */
  formula(preset: string | null, given: object, array: string): string;
  /** What of that is under the root. */
  underRoot(preset: string | null, given: object): string;
  /** The parameter as decoupled weight decay leaves it. */
  decayed(preset: string | null, given: object): string;
  /** The options that a preset sets. */
  defaults(preset: string | null, given?: object): string;
}

export interface Column {
  title: string;
  cell(preset: string | null): string;
}

export interface OptimizerRow {
  readonly definition: AnyDefinition;
  /** Its rule's; of optimizers that share one, only the first has it. */
  readonly rule?: RuleCase;
  /** Values of the options that make different flags, beside those of all optimizers; presets are taken all. */
  readonly flags?: Readonly<Record<string, readonly unknown[]>>;
  /** Options with which there is as much state as there can be, and coefficients differ from step to step. */
  readonly fullest: object;
  /** What each option takes and what it refuses. */
  readonly options: Readonly<Record<string, OptionCase>>;
  /** Of each preset, what its system computes, and the options that it is compared with. */
  readonly presets: Readonly<Record<string, { readonly formula: Formula; readonly cases: readonly object[] }>>;
  /** The rule's coefficients by the options that they are made of, where formulas are written for people. */
  readonly written?: Readonly<Record<string, string>>;
  /** Its part of docs/presets.md; null where it has no presets. */
  readonly page: { columns(cells: Cells): readonly Column[]; readonly notes: string } | null;
}
