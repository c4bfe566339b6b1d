// What may change of a gradient that a parameter stands with and a step makes: the batch of factors, and the divisor of a list.
import { type Factors, isFactors, type MadeSource } from "../backends/source.ts";
import { OptimError } from "../errors.ts";
import { lengthOf } from "../numbers/typed-array.ts";
import { show } from "../values/show.ts";
import { isProxy } from "../values/values.ts";

/** The objects that factors, and the lists that gradients, were given as. */
const givenOf = new WeakMap<Factors | MadeSource, object>();

/** Keeps what a source was given as. */
export function noteGiven(source: Factors | MadeSource, given: object): void {
  givenOf.set(source, given);
}

/** The rows of an array of so many elements; any, where rows have none. */
export const rowsIn = (length: number, columns: number) =>
  columns === 0 ? Number.POSITIVE_INFINITY : length / columns;

/** The most rows that factors have. */
function rowsOf({ left, right, rows, columns }: Factors): number {
  const ofRight = rowsIn(lengthOf(right), columns);
  return left ? Math.min(rowsIn(lengthOf(left), rows), ofRight) : ofRight;
}

/** @throws OptimError ERR_OPTION. */
export function checkBatch(batch: unknown, rows: number, owner: string): void {
  if (Number.isInteger(batch) && (batch as number) >= 0 && (batch as number) <= rows) return;
  throw new OptimError(
    "ERR_OPTION",
    `Expected the batch of ${owner} to be a whole number from 0 to ${rows}, the rows of its factors, but it is ${show(batch)}.`,
  );
}

/** What steps with factors. */
interface FactorsUse {
  readonly factors: { batch: number } & Factors;
  readonly owner: string;
  readonly changed: () => void;
}

/** What steps with a list. */
interface ListUse {
  readonly source: { divisor: number } & MadeSource;
  readonly changed: () => void;
}

const usesOfFactors = new WeakMap<object, Set<FactorsUse>>();

const usesOfLists = new WeakMap<object, Set<ListUse>>();

const divisors = new WeakMap<object, number>();

/** What the sum of a list is divided by. */
export const divisorOf = (list: object): number => divisors.get(list) ?? 1;

/**
 * Sets what the sums of lists are divided by, from the next step on, in every optimizer: the number of those whose mean is
 * wanted. It is no option, and no state has it.
 */
export function divideBy(lists: Iterable<object>, divisor: number): void {
  for (const list of lists) {
    divisors.set(list, divisor);
    for (const { source, changed } of usesOfLists.get(list) ?? []) {
      source.divisor = divisor;
      changed();
    }
  }
}

/**
 * Follows what changes of a gradient that a parameter stands with. `batch` of factors becomes an accessor: a number that is
 * set is checked, and counts from the next step on. An object that takes no accessor is left alone.
 * @param changed Is called when something has changed.
 * @returns a function that lets go of the gradient.
 */
export function watchStanding(source: MadeSource, name: string, changed: () => void): () => void {
  const releases: (() => void)[] = [];
  const list = givenOf.get(source);
  if (list) {
    const present = usesOfLists.get(list) ?? new Set();
    usesOfLists.set(list, present);
    const use = { source, changed };
    present.add(use);
    releases.push(() => present.delete(use));
  }
  for (const part of source.parts) {
    const given = isFactors(part) ? givenOf.get(part) : undefined;
    if (!given || !isFactors(part)) continue;
    const present = usesOfFactors.get(given) ?? defineBatch(given, part.batch);
    if (!present) continue;
    const use = { factors: part, owner: `the gradient of '${name}'`, changed };
    present.add(use);
    releases.push(() => present.delete(use));
  }
  return () => {
    for (const release of releases) release();
  };
}

function defineBatch(given: object, first: number): Set<FactorsUse> | undefined {
  const descriptor = Object.getOwnPropertyDescriptor(given, "batch");
  if (isProxy(given) || !(descriptor ? descriptor.configurable && descriptor.writable : Object.isExtensible(given))) {
    return undefined;
  }
  const present = new Set<FactorsUse>();
  usesOfFactors.set(given, present);
  let batch = first;
  Object.defineProperty(given, "batch", {
    configurable: true,
    enumerable: true,
    get: () => batch,
    set(value: unknown) {
      for (const { factors, owner } of present) checkBatch(value, rowsOf(factors), owner);
      if (value === batch) return; // the plan stays as it is
      batch = value as number;
      for (const { factors, changed } of present) {
        factors.batch = batch;
        changed();
      }
    },
  });
  return present;
}
