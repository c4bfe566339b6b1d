import type { OptionTable } from "./options.ts";
import type { AnyRule } from "./rule.ts";

/** What an optimizer is, apart from the machinery that all share: its rule, and what its options make of it. */
export interface Definition<O extends object> {
  /** The class's name, for errors. */
  readonly name: string;
  readonly rule: AnyRule;
  readonly options: OptionTable & { readonly [name in keyof O]-?: unknown };
  /** What is wrong with options that are each in their domain, as a sentence. */
  conflict(options: Required<O>): string | undefined;
  /** The number of the set of flags that these options ask for (rule.ts, `variantOf`). */
  variant(options: Required<O>): number;
  /**
   * Writes the coefficients of a step, in double precision and the rule's order; float32 parameters get them rounded.
   * @param step The step of the parameters that get them, from 1.
   */
  coefficients(options: Required<O>, lr: number, step: number, out: Float64Array): void;
  /** What a slot holds before the first step. */
  initial(slot: string, options: Required<O>): number;
}
