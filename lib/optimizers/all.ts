import type { AnyRule } from "../rule.ts";
import { rmspropRule } from "./rmsprop.ts";

export { RMSprop, type RMSpropOptions } from "./rmsprop.ts";

/** Every rule of the library. The twin of native/kernels/rules/all.hpp. */
export const rules: readonly AnyRule[] = [rmspropRule];
