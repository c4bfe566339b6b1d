import type { OptionTable } from "./options.ts";
import type { AnyRule, Flags } from "./rule.ts";

/** What an optimizer is, apart from the machinery that all share: its rule, and what its options make of it. */
export interface Definition<O extends object> {
  /** The class's name, for errors. */
  readonly name: string;
  readonly rule: AnyRule;
  readonly options: OptionTable & { readonly [name in keyof O]-?: unknown };
  /** What is wrong with options that are each in their domain, as a sentence. */
  conflict(options: Required<O>): string | undefined;
  /** The set of flags that these options ask for. */
  flags(options: Required<O>): Flags;
  /** The coefficients of a step at this learning rate, in double precision; float32 parameters get them rounded. */
  coefficients(options: Required<O>, lr: number): Readonly<Record<string, number>>;
  /** What a slot holds before the first step. */
  initial(slot: string, options: Required<O>): number;
}
