import { adadeltaRule } from "./adadelta.ts";
import { adagradRule } from "./adagrad.ts";
import { adamRule } from "./adam.ts";
import { rmspropRule } from "./rmsprop.ts";
import { rpropRule } from "./rprop.ts";
import type { AnyRule } from "./rule.ts";
import { sgdRule } from "./sgd.ts";

/** Every rule of the library, the twin of native/kernels/rules/all.hpp. Optimizers over one rule have it from here once. */
export const rules: readonly AnyRule[] = [rmspropRule, sgdRule, adagradRule, rpropRule, adadeltaRule, adamRule];
