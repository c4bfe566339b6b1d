// Gradients that parameters stand with and steps make, as the objects that a user gave: the batch of factors and the divisor
// of a list may change, and assignments that no step would read are refused.
import { type Factors, isFactors, type MadeSource } from "../backends/source.ts";
import { OptimError } from "../errors.ts";
import { show } from "../values/show.ts";
import { isProxy, plainProperty } from "../values/values.ts";

/** The objects that factors, and the lists that gradients, were given as. */
const givenOf = new WeakMap<Factors | MadeSource, object>();

/** Keeps what a source was given as. */
export function noteGiven(source: Factors | MadeSource, given: object): void {
  givenOf.set(source, given);
}

/** The number of rows in an array; any, where rows have no element. */
export const rowsIn = (length: number, columns: number) =>
  columns === 0 ? Number.POSITIVE_INFINITY : length / columns;

/** The most rows that factors have. */
function rowsOf({ left, leftLength, rightLength, rows, columns }: Factors): number {
  const ofRight = rowsIn(rightLength, columns);
  return left ? Math.min(rowsIn(leftLength, rows), ofRight) : ofRight;
}

/** @throws OptimError ERR_OPTION. */
export function checkBatch(batch: unknown, rows: number, owner: string): void {
  if (Number.isInteger(batch) && (batch as number) >= 0 && (batch as number) <= rows) return;
  throw new OptimError(
    "ERR_OPTION",
    `Expected the batch of ${owner} to be a whole number from 0 to ${rows}, the rows of its factors, but it is ${show(batch)}.`,
  );
}

/** A parameter that stands with an object. */
interface Owner {
  readonly name: string;
  /** The most rows that the batch may have; of factors. */
  readonly rows: number;
  /**
   * The optimizer's part. It is not held, so that the memory of an optimizer that was dropped goes. The owner stays:
   * otherwise the garbage collector would decide what a program may assign.
   */
  readonly standing: WeakRef<Standing>;
  /** The place of factors among the parts of the gradient. */
  readonly part: number;
}

/** An object that parameters stand with. */
interface Kept {
  readonly owners: Set<Owner>;
  /** The setters of its properties. */
  readonly setters: WeakSet<object>;
}

const kept = new WeakMap<object, Kept>();

const divisors = new WeakMap<object, number>();

/** The divisor of a list's sum. */
export const divisorOf = (list: object): number => divisors.get(list) ?? 1;

/**
 * Sets what the sums of lists are divided by, from the next step on, in every optimizer: the number of those whose mean is
 * wanted. It is no option, and no state has it.
 */
export function divideBy(lists: Iterable<object>, divisor: number): void {
  for (const list of lists) {
    divisors.set(list, divisor);
    for (const { standing } of kept.get(list)?.owners ?? []) standing.deref()?.divideBy(divisor);
  }
}

/** A source to be written: only this file does that. */
type Draft = { divisor: number } & MadeSource;

/** A gradient that a parameter of an optimizer stands with. */
export class Standing {
  readonly #source: Draft;
  readonly #changed: () => void;
  readonly #places: (readonly [owners: Set<Owner>, owner: Owner])[] = [];

  /**
   * Takes charge of the objects that a gradient was given as. `batch` of factors becomes an accessor: a number that is set
   * is checked, and counts from the next step on. Their arrays, those of a list, and `transposed` become accessors that
   * refuse others.
   * What takes no accessor, or has one of its own, is left alone.
   * @param changed Is called when something has changed.
   */
  constructor(source: MadeSource, name: string, changed: () => void) {
    this.#source = source as Draft;
    this.#changed = changed;
    const list = givenOf.get(source);
    if (list) {
      this.#own(list, { name, rows: 0, part: 0, standing: new WeakRef(this) });
      source.parts.forEach((part, i) => {
        guardValue(list, `${i}`, isFactors(part) ? givenOf.get(part) : part.array, keptOf(list));
      });
    }
    for (const [i, part] of source.parts.entries()) {
      const given = isFactors(part) ? givenOf.get(part) : undefined;
      if (!given || !isFactors(part)) continue;
      this.#own(given, { name, rows: rowsOf(part), part: i, standing: new WeakRef(this) });
      const { x, y } = arraysOf(part);
      guardValue(given, "x", x, keptOf(given));
      guardValue(given, "y", y, keptOf(given));
      // Ones are the same whichever way they lie.
      if (x !== null) guardTransposed(given, part.transposed, keptOf(given));
      guardBatch(given, part.batch, keptOf(given));
    }
  }

  #own(given: object, owner: Owner): void {
    const { owners } = keptOf(given);
    owners.add(owner);
    this.#places.push([owners, owner]);
  }

  divideBy(divisor: number): void {
    this.#source.divisor = divisor;
    this.#changed();
  }

  /** @param part The place of factors among the parts. */
  takeRows(part: number, batch: number): void {
    (this.#source.parts[part] as { batch: number }).batch = batch;
    this.#changed();
  }

  /** Lets go of the objects. */
  release(): void {
    for (const [owners, owner] of this.#places) owners.delete(owner);
  }
}

/** The arrays of factors by the names that a user has for them. */
const arraysOf = ({ left, right, transposed }: Factors) => (transposed ? { x: right, y: left } : { x: left, y: right });

function keptOf(given: object): Kept {
  const found = kept.get(given);
  if (found) return found;
  const made = { owners: new Set<Owner>(), setters: new WeakSet<object>() };
  kept.set(given, made);
  return made;
}

/**
 * Makes an accessor of a property. Assigned to an object that inherits it, it becomes that object's own; once no parameter
 * stands with its object, it becomes one that is simply assigned.
 * @param set Takes a value while a parameter stands with the object.
 */
function define(
  given: object,
  key: string,
  { owners, setters }: Kept,
  get: () => unknown,
  set: (value: unknown) => void,
  enumerable = true,
) {
  function assign(this: object, value: unknown): void {
    if (this !== given || owners.size === 0) Object.defineProperty(this, key, plainProperty(value));
    else set(value);
  }
  setters.add(assign);
  Object.defineProperty(given, key, { configurable: true, enumerable, get, set: assign });
}

/** Refuses other arrays in the place of one that steps use. */
function guardValue(given: object, key: string, value: unknown, all: Kept): void {
  if (isProxy(given)) return;
  const descriptor = Object.getOwnPropertyDescriptor(given, key);
  if (!(descriptor?.configurable && descriptor.writable) || descriptor.value !== value) return;
  define(
    given,
    key,
    all,
    () => value,
    (other) => {
      if (other === value) return;
      const [{ name }] = [...all.owners] as [Owner];
      throw replaced(key, name, Array.isArray(given));
    },
  );
}

function replaced(key: string, name: string, isList: boolean): OptimError {
  const what = isList ? `element ${key} of the gradients` : `'${key}' of the gradient`;
  const quoted = JSON.stringify(name);
  return new OptimError(
    "ERR_OPTION",
    `Expected ${what} of '${name}' to stay the array that its optimizer was given, which steps would go on to use: ` +
      `write into it, give others to a call, step({ ${quoted}: { grad: ${isList ? "[ … ]" : "{ x, y }"} } }), or for good ` +
      `remove(${quoted}) and add { ...parameter, grad } by addParamGroup().`,
  );
}

/** Refuses the other way round for what steps go on to read as it was. */
function guardTransposed(given: object, transposed: boolean, all: Kept): void {
  if (!takesAccessor(given, "transposed", all)) return;
  define(
    given,
    "transposed",
    all,
    () => transposed,
    (other) => {
      if (other === transposed || (other === undefined && !transposed)) return;
      const [{ name }] = [...all.owners] as [Owner];
      throw new OptimError(
        "ERR_OPTION",
        `Expected 'transposed' of the gradient of '${name}' to stay ${transposed}, because steps would go on so, but it is ` +
          `set to ${show(other)}: give others to a call, step({ ${JSON.stringify(name)}: { grad: { x, y, transposed } } }).`,
      );
    },
    Object.hasOwn(given, "transposed"),
  );
}

/** Whether an object has a property that is not its own, or that only a proxy could tell. */
function inherits(given: object, key: string): boolean {
  for (let at: object | null = Object.getPrototypeOf(given); at !== null; at = Object.getPrototypeOf(at)) {
    if (isProxy(at) || Object.hasOwn(at, key)) return true;
  }
  return false;
}

/** Whether a property, there or not, can be made an accessor, and is not one already. */
function takesAccessor(given: object, key: string, all: Kept): boolean {
  if (isProxy(given)) return false;
  const descriptor = Object.getOwnPropertyDescriptor(given, key);
  if (descriptor?.set && all.setters.has(descriptor.set)) return false;
  return descriptor
    ? Boolean(descriptor.configurable && descriptor.writable)
    : Object.isExtensible(given) && !inherits(given, key);
}

/** @param first The batch until another is assigned. */
function guardBatch(given: object, first: number, all: Kept): void {
  if (!takesAccessor(given, "batch", all)) return;
  let batch = first;
  define(
    given,
    "batch",
    all,
    () => batch,
    (value) => {
      for (const { name, rows } of all.owners) checkBatch(value, rows, `the gradient of '${name}'`);
      if (value === batch) return;
      batch = value as number;
      for (const { standing, part } of all.owners) standing.deref()?.takeRows(part, batch);
    },
  );
}
