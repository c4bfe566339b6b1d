// The classes of optimizers, as the package exports them.
import * as library from "../../lib/index.ts";
import { definitions } from "../../lib/optimizers/all.ts";

export type AnyOptimizer = library.Optimizer<Record<string, unknown>>;
export type AnyClass = new (params: Iterable<object>, options?: object) => AnyOptimizer;

/** The class of an optimizer, by its name. */
export function classOf(name: string): AnyClass {
  const found = (library as unknown as Readonly<Record<string, AnyClass | undefined>>)[name];
  if (!found) throw new Error(`Expected lib/api.ts to export the class ${name}.`);
  return found;
}

/** Every optimizer's class by its name. */
export const classes: Readonly<Record<string, AnyClass>> = Object.fromEntries(
  definitions.map(({ name }) => [name, classOf(name)]),
);
