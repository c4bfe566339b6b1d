// Arrays for one call from a caller inside the package that knows what overlaps: rmsprop/tfjs.
import { OptimError } from "../errors.ts";
import { type FloatArray, lengthOf, type NumberType, numberTypeOf } from "../numbers/typed-array.ts";
import { checkArrayOf } from "../parameters/array.ts";
import type { Entry } from "../parameters/group.ts";
import { show } from "../values/show.ts";
import { hasClock, type Plan, type Streams } from "./plan.ts";

/** A parameter's arrays for one call. No array that is written overlaps another: nobody looks. */
export interface GivenArrays {
  readonly name: string;
  readonly data: FloatArray;
  readonly grad: FloatArray;
  /** Written: `data`, or another array. */
  readonly out: FloatArray;
}

/** The arrays of such a call by entry. Calls that name the same parameters in the same order have one plan. */
export class GivenStreams<O extends object> {
  #entries: readonly Entry[] = [];
  readonly #streams = new Map<Entry, Streams>();
  readonly streamsOf = (entry: Entry): Streams => this.#streams.get(entry) as Streams;
  /** The plan of the last call, for the next. */
  plan: Plan<O> | undefined;

  has(entry: Entry): boolean {
    return this.#streams.has(entry);
  }

  /**
   * Takes the arrays of a call. Drops the plan, where it is of other parameters or no longer holds.
   * @throws OptimError ERR_NAME, ERR_DTYPE, ERR_LENGTH or ERR_DETACHED.
   */
  take(given: readonly GivenArrays[], entries: ReadonlyMap<string, Entry>): void {
    this.clear();
    let isSame = true;
    const taken: Entry[] = [];
    for (const { name, data, grad, out } of given) {
      const entry = entries.get(name);
      if (!entry) throw new OptimError("ERR_NAME", `Expected a parameter that is known, but ${show(name)} is not.`);
      if (entry.frozen) continue;
      const { type, length } = entry.parameter;
      checkFits(data, "data", name, type, length);
      checkFits(grad, "gradient", name, type, length);
      if (out !== data) checkFits(out, "out", name, type, length);
      isSame &&= entry === this.#entries[taken.length];
      taken.push(entry);
      this.#streams.set(entry, { data, out, source: { array: grad, storage: type } });
    }
    isSame &&= taken.length === this.#entries.length;
    this.#entries = taken;
    if (!isSame || (this.plan && !this.plan.cohorts.every(hasClock))) this.plan = undefined;
  }

  /** Lets go of the arrays. */
  clear(): void {
    this.#streams.clear();
  }
}

/** @throws OptimError ERR_DTYPE, ERR_LENGTH or ERR_DETACHED. */
function checkFits(array: FloatArray, kind: string, name: string, type: NumberType, length: number): void {
  // An array that has lost its memory has no length either.
  if (numberTypeOf(array) !== type || lengthOf(array) !== length) checkArrayOf(array, kind, name, type, length);
}
