import type { Arithmetic } from "../numbers/arithmetic.ts";

/** The names of a rule's state arrays, in order. */
type Slots = readonly string[];

/** The choices of each of its flags. */
type Choices = { readonly [flag: string]: readonly string[] };

/** The names of its coefficients, in order. */
type Coefficients = readonly ["gradScale", ...(readonly string[])];

/** The number of the coefficient that a step multiplies gradients by: scaling and clipping by norm change it in every rule. */
export const gradScale = 0;

/** A choice for each flag of a rule. */
export type Flags<F extends Choices = Choices> = { readonly [flag in keyof F]: F[flag][number] };

/** The values of one element: the parameter, its gradient and the slots in use. */
export type Element<T, S extends string = string> = { param: T; readonly grad: T } & { [slot in S]: T };

/**
 * The arithmetic of one element of one optimizer: the twin of a struct in native/kernels/rules/. The order of slots, flags,
 * choices and coefficients is part of the contract with the binary (`signatureOf`).
 */
export interface Rule<S extends Slots, F extends Choices, C extends Coefficients> {
  readonly name: string;
  /** Per-element state arrays. */
  readonly slots: S;
  /** What is chosen at compile time, each flag with its choices. */
  readonly flags: F;
  /** Finished scalars of a step. */
  readonly coefficients: C;
  /** Whether there is a kernel for these flags: of the sets that flags make, only those that options can ask for. */
  exists(flags: Flags<F>): boolean;
  /** Whether a slot is read and written under these flags. */
  uses(flags: Flags<F>, slot: S[number]): boolean;
  /** Steps one element: replaces `x.param` and the slots in use. */
  apply<T>(a: Arithmetic<T>, flags: Flags<F>, x: Element<T, S[number]>, c: { readonly [name in C[number]]: T }): void;
}

/** A rule, whose slots, flags with their choices, and coefficients are named in it once: its types are made of the lists. */
export const defineRule = <const S extends Slots, const F extends Choices, const C extends Coefficients>(
  rule: Rule<S, F, C>,
): Rule<S, F, C> => rule;

/** A rule of any slots, flags and coefficients. */
export type AnyRule = Rule<Slots, Choices, Coefficients>;

/** A choice for each flag of the rule `R`. */
export type FlagsOf<R extends AnyRule> = Flags<R["flags"]>;

/** A number for each coefficient of the rule `R`. */
export type CoefficientsOf<R extends AnyRule> = { readonly [name in R["coefficients"][number]]: number };

/** The name of a slot of the rule `R`. */
export type SlotOf<R extends AnyRule> = R["slots"][number];

/** Names and order of everything that crosses to the binary, as the binary writes it. */
export function signatureOf(rule: AnyRule): string {
  const flags = Object.entries<readonly string[]>(rule.flags).map(([flag, choices]) => `${flag}=${choices.join("|")}`);
  return [
    rule.name,
    `slots: ${rule.slots.join(" ")}`,
    `flags: ${flags.join(" ")}`,
    `coefficients: ${rule.coefficients.join(" ")}`,
  ].join("; ");
}

/** The sets of flags that exist, by number. */
export function variantsOf(rule: AnyRule): number[] {
  const count = Object.values<readonly string[]>(rule.flags).reduce((product, choices) => product * choices.length, 1);
  return Array.from({ length: count }, (_, variant) => variant).filter((variant) =>
    rule.exists(flagsOf(rule, variant)),
  );
}

/** The number of a set of flags: their digits in mixed radix, the first flag changing fastest. It must exist. */
export function variantOf(rule: AnyRule, flags: Flags): number {
  let variant = 0;
  let weight = 1;
  for (const flag in rule.flags) {
    const choices = rule.flags[flag] as readonly string[];
    const digit = choices.indexOf(flags[flag] as string);
    if (digit < 0) throw new RangeError(`The rule ${rule.name} has no ${flag} ${JSON.stringify(flags[flag])}.`);
    variant += digit * weight;
    weight *= choices.length;
  }
  if (!rule.exists(flags)) throw new RangeError(`The rule ${rule.name} has no variant ${JSON.stringify(flags)}.`);
  return variant;
}

/** The inverse of `variantOf`. */
export function flagsOf(rule: AnyRule, variant: number): Flags {
  const flags: Record<string, string> = {};
  let rest = variant;
  for (const [flag, choices] of Object.entries<readonly string[]>(rule.flags)) {
    flags[flag] = choices[rest % choices.length] as string;
    rest = Math.floor(rest / choices.length);
  }
  return flags;
}

/** The slots in use under a set of flags, in the rule's order. */
export function usedSlots(rule: AnyRule, variant: number): string[] {
  const flags = flagsOf(rule, variant);
  return rule.slots.filter((slot: string) => rule.uses(flags, slot));
}
