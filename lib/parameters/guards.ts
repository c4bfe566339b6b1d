// Assignments that nobody would read are refused: to the arrays of a parameter that an optimizer has, and to an optimizer's
// options on the optimizer itself.

import { OptimError } from "../errors.ts";
import type { OptionTable } from "../options/option.ts";
import { isPlain, isProxy, plainProperty } from "../values/values.ts";
import { otherNamesOf } from "../values/words.ts";
import type { CheckedParameter } from "./parameter.ts";
import type { Standing } from "./standing.ts";

/** Refuses other arrays on the object that a parameter was given as. */
export interface Guard {
  /**
   * The number of optimizers that have the parameter. Once there is none, its arrays may be replaced again. An
   * optimizer that was dropped without `dispose()` counts for ever: otherwise the garbage collector would decide when a
   * program may assign. The optimizer itself is not held, so its memory goes.
   */
  owners: number;
}

type Key = "data" | "grad";

const guards = new WeakMap<object, Guard>();

/**
 * Makes `data` and `grad` of the object that a parameter was given as accessors, whose setters refuse other arrays. An
 * object that is frozen, sealed, a proxy or of a class, and one that computes its arrays, is left alone. No user code
 * runs here, except the traps of a proxy in a browser, where a proxy cannot be told.
 */
export function guardParameter(given: object, parameter: CheckedParameter): Guard | undefined {
  const found = guards.get(given);
  if (found) {
    found.owners++;
    return found;
  }
  if (isProxy(given) || Object.isFrozen(given) || !isPlain(given)) return undefined;
  const own = (["data", "grad"] as const).filter((key) => {
    const descriptor = Object.getOwnPropertyDescriptor(given, key);
    return descriptor?.writable && descriptor.configurable && descriptor.value === parameter[key];
  });
  if (own.length === 0) return undefined;
  const guard: Guard = { owners: 1 };
  guards.set(given, guard);
  for (const key of own) guardArray(given, guard, key, own, parameter);
  return guard;
}

function guardArray(given: object, guard: Guard, key: Key, all: readonly Key[], parameter: CheckedParameter): void {
  const { name, [key]: array } = parameter;
  Object.defineProperty(given, key, {
    get: () => array,
    set(this: object, value: unknown) {
      if (this === given && value === array) return;
      if (this === given && guard.owners > 0) throw replaced(key, name, array, value);
      // No optimizer has it any more: both are as they were before one had.
      if (this === given) for (const each of all) Object.defineProperty(given, each, plainProperty(parameter[each]));
      if (this === given) guards.delete(given);
      Object.defineProperty(this, key, plainProperty(value));
    },
  });
}

function replaced(key: Key, name: string, given: unknown, value: unknown): OptimError {
  const quoted = JSON.stringify(name);
  const dropped =
    "An optimizer that is no longer used lets go of its parameters by dispose(); where it is out of reach, " +
    `give the next one a new object, { ...parameter, ${key} }.`;
  if (key === "data" && given === null) {
    return new OptimError(
      "ERR_OPTION",
      `Expected 'data' of '${name}' to stay null, because its arrays come with each call, but it is set: ` +
        `give them to the call, step({ ${quoted}: { data, grad } }), or for good remove(${quoted}) and add ` +
        `{ ...parameter, data, grad } by addParamGroup(). ${dropped}`,
    );
  }
  if (key === "grad" && value === null) {
    return new OptimError(
      "ERR_OPTION",
      `Expected 'grad' of '${name}' to stay the array that its optimizer was given, but it is set to null: ` +
        `to leave the parameter out of steps, freeze(${quoted}); of one call, step({ ${quoted}: null }). ${dropped}`,
    );
  }
  return new OptimError(
    "ERR_OPTION",
    `Expected '${key}' of '${name}' to stay the array that its optimizer was given, which steps would go on to use: ` +
      `write into it, give another array to a call, step({ ${quoted}: { ${key} } }), or for good ` +
      `remove(${quoted}) and add { ...parameter, ${key} } by addParamGroup(). ${dropped}`,
  );
}

/** Lets go of a parameter that leaves its optimizer. */
export function release({ guard, standing }: Guarded): void {
  if (guard) guard.owners--;
  standing?.release();
}

/** What keeps the objects that a parameter was given as. */
export interface Guarded {
  /** Refuses other arrays on the object itself. */
  guard: Guard | undefined;
  /** The gradient that it stands with, where a step makes that. */
  standing: Standing | undefined;
}

const prepared = new WeakSet<object>();

/**
 * Refuses properties that an optimizer does not have, such as `optimizer.lr = 0`: options by a sentence, others as any
 * object that takes no new properties does. An instance of a user's own subclass takes them, as fields of that class.
 * @param made The class that `new` was called on.
 * @param base The class that all optimizers extend.
 * @param ofGroups Tables of options: those that groups have, and those of an optimizer as a whole.
 */
export function refuseProperties(
  optimizer: object,
  made: object,
  base: object,
  ofGroups: OptionTable,
  ofWhole: OptionTable,
): void {
  let own: object | null = made;
  while (own !== null && Object.getPrototypeOf(own) !== base) own = Object.getPrototypeOf(own);
  if (own === null) return;
  const { prototype } = own as { prototype: object };
  // A prototype that a program has frozen stays as it is: the optimizer then refuses as any object does.
  if (!prepared.has(prototype) && Object.isExtensible(prototype)) {
    prepared.add(prototype);
    for (const [table, isWhole] of [
      [ofGroups, false],
      [ofWhole, true],
    ] as const) {
      for (const name of Object.keys(table)) {
        const place = isWhole || table[name]?.fixed ? "" : `set on a group, optimizer.paramGroups[i].${name}, or `;
        for (const each of [name, ...otherNamesOf(name)]) {
          refuseOption(prototype, each, `Expected '${name}' to be ${place}given to the constructor`);
        }
      }
    }
  }
  if (own === made) Object.preventExtensions(optimizer);
}

function refuseOption(prototype: object, name: string, expected: string): void {
  const inherited = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(prototype), name)?.get;
  Object.defineProperty(prototype, name, {
    configurable: true,
    ...(inherited && { get: inherited }),
    set(this: object, value: unknown) {
      if (Object.isExtensible(this)) {
        Object.defineProperty(this, name, plainProperty(value));
        return;
      }
      throw new OptimError(
        "ERR_OPTION",
        `${expected}, but ${expected.includes(`'${name}'`) ? "it" : `'${name}'`} is set on the optimizer, where nothing reads it.`,
      );
    },
  });
}
