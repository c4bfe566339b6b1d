import { adadelta } from "./adadelta.ts";
import { adagrad } from "./adagrad.ts";
import { adam } from "./adam.ts";
import { rmsprop } from "./rmsprop.ts";
import { rprop } from "./rprop.ts";
import type { ConvertedRule } from "./rule.ts";
import { sgd } from "./sgd.ts";

/** Every rule by its name, with what it is in other systems. */
export const convertedRules: Readonly<Record<string, ConvertedRule>> = { rmsprop, sgd, adagrad, rprop, adadelta, adam };

/** What a rule is in one system; undefined where it is unknown there. */
export const convertedRule = <S extends keyof ConvertedRule>(system: S, rule: string): ConvertedRule[S] | undefined =>
  Object.hasOwn(convertedRules, rule) ? convertedRules[rule]?.[system] : undefined;

/** The names of the rules that a system has. */
export const rulesOf = (system: keyof ConvertedRule): string[] =>
  Object.keys(convertedRules).filter((rule) => convertedRules[rule]?.[system]);
