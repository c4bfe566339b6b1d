// The table of optimizers under test: a new one adds its row, and no test.
import { adadeltaRow } from "./adadelta.ts";
import { adagradRow } from "./adagrad.ts";
import { adamRow } from "./adam.ts";
import { adamwRow } from "./adamw.ts";
import { rmspropRow } from "./rmsprop.ts";
import type { OptimizerRow, RuleCase } from "./row.ts";
import { rpropRow } from "./rprop.ts";
import { sgdRow } from "./sgd.ts";

export const rows: readonly OptimizerRow[] = [rmspropRow, sgdRow, adagradRow, rpropRow, adadeltaRow, adamRow, adamwRow];

/** The row of an optimizer, by its name. */
export function rowOf(name: string): OptimizerRow {
  const found = rows.find(({ definition }) => definition.name === name);
  if (!found) throw new Error(`Expected a row of ${name} in test/support/optimizers/all.ts, but there is none.`);
  return found;
}

/** Values for the coefficients and slots of a rule, by its name. */
export function ruleCaseOf(name: string): RuleCase {
  const found = rows.find(({ definition, rule }) => definition.rule.name === name && rule);
  if (!found?.rule) throw new Error(`Expected a row in test/support/optimizers/ with 'rule' for the rule ${name}.`);
  return found.rule;
}
