import { Adadelta, Adagrad, Adam, AdamW, RMSprop, Rprop, SGD } from "../optimizers/all.ts";

/**
 * The classes by name. A namespace of their file (`import * as`) would do, but takes a bundler's helper, which every program
 * would load to start. Commands share this file with what programs load, so nothing runs here.
 */
export const optimizers = { Adadelta, Adagrad, Adam, AdamW, RMSprop, Rprop, SGD };
