// Steps of bare rules over arenas, by any backend: what bit tests compare. A program for other platforms bundles it too.
import type { Backend, Run } from "../../lib/backends/backend.ts";
import type { FloatArray, NumberType } from "../../lib/numbers/typed-array.ts";
import { type AnyRule, usedSlots } from "../../lib/rules/rule.ts";
import { arena, arrayType, type Layout, type Place, views } from "./arena.ts";
import { type GradientKind, gradients, uniformFrom } from "./cases.ts";
import { ruleCaseOf } from "./optimizers/all.ts";

type Draw = (uniform: () => number) => number;

/** Values of each length, drawn once: the same at every offset, on every backend. */
function drawn(type: NumberType, seed: number, draw: Draw): (length: number) => FloatArray {
  const byLength = new Map<number, FloatArray>();
  return (length) => {
    const present = byLength.get(length);
    if (present) return present;
    const uniform = uniformFrom(seed * 1_000_003 + length);
    const values = arrayType(type).from({ length }, () => draw(uniform));
    byLength.set(length, values);
    return values;
  };
}

const between =
  ([low, high]: readonly [number, number]): Draw =>
  (uniform) =>
    low + (high - low) * uniform();

/** What an arena is stepped from. */
export interface Inputs {
  coefficients: readonly Readonly<Record<string, number>>[];
  data: (length: number) => FloatArray;
  slots: Record<string, (length: number) => FloatArray>;
  gradients: ((length: number) => FloatArray)[];
}

/** What steps leave of an arena. */
export interface Streams {
  data: FloatArray;
  slots: FloatArray[];
}

/** Steps every array of an arena, with the sets of coefficients by turns of the offset. */
export function stepAll(backend: Backend, rule: AnyRule, at: Layout, variant: number, inputs: Inputs): Streams {
  const used = usedSlots(rule, variant);
  const streams = {
    data: arena(at, inputs.data),
    slots: used.map((slot) => arena(at, inputs.slots[slot] as Inputs["data"])),
  };
  const grad = new (arrayType(at.type))(at.size);
  const data = views(at, streams.data);
  const grads = views(at, grad);
  const slotViews = streams.slots.map((slot) => views(at, slot));
  const parameters = at.places.map((_, i) => ({
    data: data[i] as FloatArray,
    out: data[i] as FloatArray,
    storage: at.type,
    source: { array: grads[i] as FloatArray, storage: at.type },
    slots: rule.slots.map((slot: string) => {
      const array = slotViews[used.indexOf(slot)]?.[i];
      return array ? { array, storage: at.type } : null;
    }),
  }));
  const { coefficients } = inputs;
  const runs: Run[] = coefficients.map((values, set) => ({
    group: 0,
    variant,
    coefficients: rule.coefficients.map((name: string) => values[name] as number),
    selection: at.places.flatMap(({ offset }, i) => (offset % coefficients.length === set ? [i] : [])),
  }));
  const bound = backend.bind([{ rule, type: at.type, parameters }], runs.length);
  if (!bound) throw new Error("Expected memory to bind the arrays.");
  for (const gradient of inputs.gradients) {
    at.places.forEach(({ length }, i) => {
      (grads[i] as FloatArray).set(gradient(length));
    });
    bound.step(runs);
  }
  return streams;
}

/**
 * What the reference leaves of an arena. Arrays of one length have the same values at every offset, so it steps one for
 * each set of coefficients, and the others are copies: it has no alignment, and takes most of the time.
 */
export function expectedOf(reference: Backend, rule: AnyRule, at: Layout, variant: number, inputs: Inputs): Streams {
  const firsts = new Map<string, Place>();
  const copies: [from: Place, to: Place][] = [];
  for (const place of at.places) {
    const key = `${place.length} ${place.offset % inputs.coefficients.length}`;
    const first = firsts.get(key);
    if (first) copies.push([first, place]);
    else firsts.set(key, place);
  }
  const streams = stepAll(reference, rule, { ...at, places: [...firsts.values()] }, variant, inputs);
  for (const values of [streams.data, ...streams.slots]) {
    for (const [from, to] of copies) values.copyWithin(to.start, from.start, from.start + from.length);
  }
  return streams;
}

/** The gradients of each step. */
export const gradientsOf = (type: NumberType, kind: GradientKind, steps: number): Inputs["gradients"] =>
  Array.from({ length: steps }, (_, step) => drawn(type, 100 + step, gradients[kind]));

/** A rule's own values, with the gradients of each step. */
export function inputsOf(rule: AnyRule, type: NumberType, gradientSteps: Inputs["gradients"]): Inputs {
  const { coefficients, initial } = ruleCaseOf(rule.name);
  return {
    coefficients,
    data: drawn(type, 1, between([-2, 2])),
    slots: Object.fromEntries(
      rule.slots.map((slot: string, i: number) => [slot, drawn(type, 2 + i, between(initial[slot] ?? [0, 0]))]),
    ),
    gradients: gradientSteps,
  };
}
