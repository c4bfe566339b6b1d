import type { NumberType } from "./numbers/typed-array.ts";
import { defaultsOf, type OptionSpec, type OptionTable, readOptions } from "./options/option.ts";
import type { AnyRule, CoefficientsOf, FlagsOf, SlotOf } from "./rules/rule.ts";

/** A named bundle of options, after another system; docs/presets.md is made of them. Its other fields are the optimizer's own. */
export interface Preset<O extends object> {
  /** The options that differ from the defaults; a function where they depend on others that are given. */
  readonly options: Partial<O> | ((given: Partial<O>) => Partial<O>);
}

/** What an optimizer is, apart from the machinery that all share: its rule, and what its options make of it. */
export interface Definition<O extends object, R extends AnyRule = AnyRule> {
  /** The class's name, for errors. */
  readonly name: string;
  readonly rule: R;
  readonly options: OptionTable & { readonly [name in keyof O]-?: OptionSpec };
  /** What the option `preset` may name. */
  readonly presets: Readonly<Record<string, Preset<O>>>;
  /** What is wrong with options that are each in their domain, as a sentence. */
  conflict(options: Required<O>): string | undefined;
  /** The set of flags that these options ask for; it exists, unless they conflict. */
  flags(options: Required<O>): FlagsOf<R>;
  /** Whether the coefficients change with the step too, not only with the options and the learning rate. */
  dependsOnStep?(options: Required<O>): boolean;
  /**
   * The coefficients of a step at this learning rate, in double precision; float32 parameters get them rounded. Only
   * where a system computes one in float32 do they differ by number type.
   *
   * @param step The step of the parameters that they are for, from 1.
   */
  coefficients(options: Required<O>, lr: number, step: number, type: NumberType): CoefficientsOf<R>;
  /** What a slot holds before the first step. */
  initial(slot: SlotOf<R>, options: Required<O>): number;
  /** The options that `initial` depends on. */
  readonly initialOptions?: readonly string[];
  /** Whether later steps depend on one of these too. Where it is not there, they do not. */
  usesLater?(name: string, options: Required<O>): boolean;
}

/** A definition of any options. */
// biome-ignore lint/suspicious/noExplicitAny: the names are checked where the definition is written
export type AnyDefinition = Definition<any>;

/**
 * Reads options that a user gave over `base`, each property once. Where a preset is among them, its bundle over the
 * defaults takes the place of `base`; null stands for the defaults alone.
 *
 * @throws OptimError ERR_OPTION.
 */
export function readWithPreset<O extends object>(
  definition: Definition<O>,
  base: Required<O>,
  given: unknown,
): Required<O> {
  const read = readOptions<Partial<O>>(definition.options, {}, given, definition.name);
  const { preset } = read as { preset?: string | null };
  if (preset === undefined) return { ...base, ...read };
  const bundle = preset === null ? {} : definition.presets[preset]?.options;
  return {
    ...defaultsOf<Required<O>>(definition.options),
    ...(typeof bundle === "function" ? bundle(read) : bundle),
    ...read,
  };
}
