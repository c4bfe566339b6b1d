import type { Arithmetic } from "../numbers/arithmetic.ts";

/** A choice for each flag of a rule. */
export type Flags<F extends string = string> = { readonly [flag in F]: string };

/** The values of one element: the parameter, its gradient and the slots in use. */
export type Element<T, S extends string = string> = { param: T; readonly grad: T } & { [slot in S]: T };

/**
 * The arithmetic of one element of one optimizer: the twin of a struct in native/kernels/rules/. The order of slots, flags,
 * choices and coefficients is part of the contract with the binary (`signatureOf`).
 */
export interface Rule<S extends string = string, F extends string = string, C extends string = string> {
  readonly name: string;
  /** Per-element state arrays. */
  readonly slots: readonly S[];
  /** What is chosen at compile time, each flag with its choices. */
  readonly flags: { readonly [flag in F]: readonly string[] };
  /** Finished scalars of a step. */
  readonly coefficients: readonly C[];
  /** Whether there is a kernel for these flags: of the sets that flags make, only those that options can ask for. */
  exists(flags: Flags<F>): boolean;
  /** Whether a slot is read and written under these flags. */
  uses(flags: Flags<F>, slot: S): boolean;
  /** Steps one element: replaces `x.param` and the slots in use. */
  apply<T>(a: Arithmetic<T>, flags: Flags<F>, x: Element<T, S>, c: { readonly [name in C]: T }): void;
}

/** A rule of any slots, flags and coefficients. */
// biome-ignore lint/suspicious/noExplicitAny: the names are checked where the rule is written
export type AnyRule = Rule<any, any, any>;

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
