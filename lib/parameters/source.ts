// Sources of gradients as memory: they are watched, compared with other arrays, and set to zero.
import type { Backend } from "../backends/backend.ts";
import { zeroMade } from "../backends/made-source.ts";
import { type GradientSource, isFactors, isMade } from "../backends/source.ts";
import type { Liveness } from "../memory/liveness.ts";
import { checkIntervals, type Interval, intervalOf, type Stretch, stretch } from "../memory/overlap.ts";
import type { Storage } from "../numbers/storage.ts";
import { fillWith, lengthOf } from "../numbers/typed-array.ts";
import { arraysOfPart } from "./gradient.ts";

/** The name of a part in errors. */
const kindOf = (count: number, i: number) => (count > 1 ? `gradient ${i}` : "gradient");

/** @param storage That of the arrays of a gradient that is made. */
export function watchSource(
  liveness: Liveness,
  source: GradientSource,
  storage: Storage,
  length: number,
  name: string,
): void {
  if (!isMade(source)) {
    liveness.watch(source.array, length, source.storage, "gradient", name, source.buffer);
    return;
  }
  if (length === 0) return;
  source.parts.forEach((part, i) => {
    for (const [array, kind, own] of arraysOfPart(part, kindOf(source.parts.length, i), length)) {
      liveness.watch(array, own, storage, kind, name);
    }
  });
}

/** The memory of a gradient. Factors are only read, whatever is set to zero. */
export function intervalsOfSource(
  backend: Backend,
  source: GradientSource,
  storage: Storage,
  length: number,
  written: boolean,
  name: string,
): Interval[] {
  if (!isMade(source)) return [intervalOf(backend, source.array, length, source.storage, written, "gradient", name)];
  return source.parts.flatMap((part, i) =>
    arraysOfPart(part, kindOf(source.parts.length, i), length).flatMap(([array, kind]) =>
      lengthOf(array) === 0
        ? []
        : [intervalOf(backend, array, lengthOf(array), storage, written && !isFactors(part), kind, name)],
    ),
  );
}

/**
 * Refuses a list with arrays that overlap, as one array that is there twice.
 * @throws OptimError ERR_ALIASED.
 */
export function checkParts(
  backend: Backend,
  source: GradientSource,
  storage: Storage,
  length: number,
  name: string,
): void {
  if (!isMade(source) || length === 0) return;
  const intervals = source.parts.flatMap((part, i) =>
    isFactors(part) ? [] : [intervalOf(backend, part.array, length, storage, true, `gradient ${i}`, name)],
  );
  checkIntervals(intervals);
}

export function stretchSource(
  stretches: Stretch[],
  backend: Backend,
  source: GradientSource,
  storage: Storage,
  length: number,
): void {
  if (!isMade(source)) {
    stretch(stretches, backend, source.array, source.storage, length, source.buffer);
    return;
  }
  if (length === 0) return;
  for (const part of source.parts) {
    for (const [array] of arraysOfPart(part, "gradient", length))
      stretch(stretches, backend, array, storage, lengthOf(array));
  }
}

export function zeroSource(source: GradientSource, length: number): void {
  if (isMade(source)) zeroMade(source, 0, length);
  else fillWith(source.array, 0);
}
