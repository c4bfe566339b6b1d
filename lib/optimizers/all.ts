import type { AnyRule } from "../rule.ts";
import { adagradRule } from "./adagrad.ts";
import { rmspropRule } from "./rmsprop.ts";
import { rpropRule } from "./rprop.ts";
import { sgdRule } from "./sgd.ts";

export { Adagrad, type AdagradOptions } from "./adagrad.ts";
export { RMSprop, type RMSpropOptions } from "./rmsprop.ts";
export { Rprop, type RpropOptions } from "./rprop.ts";
export { SGD, type SGDOptions } from "./sgd.ts";

/** Every rule of the library. The twin of native/kernels/rules/all.hpp. */
export const rules: readonly AnyRule[] = [rmspropRule, sgdRule, adagradRule, rpropRule];
