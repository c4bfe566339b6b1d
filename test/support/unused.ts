// What bundlers drop of the package as it is built: programs, and what of the package their bundles hold.

import { definitions } from "../../lib/optimizers/all.ts";

const aClass = (name: string) => new RegExp(`\\bclass ${name}\\b|\\b${name} = class\\b`);
const aFunction = (name: string) => new RegExp(`\\bfunction ${name}\\(`);

/** What can be seen of a part of the package in a bundle that is not minified. */
const parts: Readonly<Record<string, RegExp>> = {
  ...Object.fromEntries(definitions.map(({ name }) => [name, aClass(name)])),
  allocate: aFunction("allocate"),
  constant: aFunction("constant"),
  linearWarmup: aFunction("linearWarmup"),
  cosine: aFunction("cosine"),
  cosPi: aFunction("cosPi"),
  ReduceOnPlateau: aClass("ReduceOnPlateau"),
  chain: aFunction("chain"),
};

const all = Object.keys(parts);

/** Code over the package as "rmsprop", with the parts that its bundle must hold; of `parts`, no others. */
export const programs: readonly { readonly code: string; readonly holds: readonly string[] }[] = [
  { code: 'import "rmsprop";', holds: [] },
  { code: 'import { SGD } from "rmsprop"; console.log(SGD);', holds: ["SGD"] },
  {
    code: 'import { Adagrad, allocate } from "rmsprop"; console.log(Adagrad, allocate);',
    holds: ["Adagrad", "allocate"],
  },
  { code: 'import * as all from "rmsprop"; console.log(all);', holds: all },
];

/** The same for bundlers that follow a namespace to its functions. */
export const schedulePrograms: typeof programs = [
  { code: 'import { schedules } from "rmsprop"; console.log(schedules.constant);', holds: ["constant"] },
  { code: 'import { schedules } from "rmsprop"; console.log(schedules.cosine);', holds: ["cosine", "cosPi"] },
];

/** The parts of the package that a bundle holds. */
export const partsOf = (bundle: string): string[] => all.filter((name) => parts[name]?.test(bundle));
