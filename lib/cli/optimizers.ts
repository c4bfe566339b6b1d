import { Adadelta, Adagrad, Adam, AdamW, definitions, RMSprop, Rprop, SGD } from "../optimizers/all.ts";

/**
 * The classes by name. A namespace of their file (`import * as`) would do, but takes a bundler's helper, which every program
 * would load to start.
 */
export const optimizers = { Adadelta, Adagrad, Adam, AdamW, RMSprop, Rprop, SGD };

for (const { name } of definitions) {
  if (!(name in optimizers))
    throw new Error(`Expected the class ${name} in lib/cli/optimizers.ts, but it is not there.`);
}
