import type { AnyDefinition } from "../definition.ts";
import { adadeltaDefinition } from "./adadelta.ts";
import { adagradDefinition } from "./adagrad.ts";
import { adamDefinition } from "./adam.ts";
import { adamwDefinition } from "./adamw.ts";
import { rmspropDefinition } from "./rmsprop.ts";
import { rpropDefinition } from "./rprop.ts";
import { sgdDefinition } from "./sgd.ts";

export { Adadelta, type AdadeltaOptions, type AdadeltaState } from "./adadelta.ts";
export { Adagrad, type AdagradOptions, type AdagradState } from "./adagrad.ts";
export { Adam, type AdamOptions, type AdamState } from "./adam.ts";
export { AdamW, type AdamWOptions, type AdamWState } from "./adamw.ts";
export { RMSprop, type RMSpropState } from "./rmsprop.ts";
export type { RMSpropOptions } from "./rmsprop-options.ts";
export { Rprop, type RpropOptions, type RpropState } from "./rprop.ts";
export { SGD, type SGDOptions, type SGDState } from "./sgd.ts";

/** Every optimizer of the library. Two may be over one rule. */
export const definitions: readonly AnyDefinition[] = [
  rmspropDefinition,
  sgdDefinition,
  adagradDefinition,
  rpropDefinition,
  adadeltaDefinition,
  adamDefinition,
  adamwDefinition,
];
