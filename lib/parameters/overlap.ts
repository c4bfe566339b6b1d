import type { Backend } from "../backends/backend.ts";
import { checkIntervals, type Interval, intervalOf, type Stretch, stretch } from "../memory/overlap.ts";
import type { StoredArray } from "../numbers/storage.ts";
import type { CheckedParameter } from "./parameter.ts";
import { checkParts, intervalsOfSource, stretchSource } from "./source.ts";

/** A state array of a parameter, with the name of its slot. */
export type StateArray = readonly [CheckedParameter, string, StoredArray];

/**
 * Whether stretches show that nothing overlaps, which is the usual case. They need no address for each array: numbers
 * that large are slow to make in a new process.
 */
function areApart(parameters: readonly CheckedParameter[], state: readonly StateArray[], backend: Backend): boolean {
  const stretches: Stretch[] = [];
  parameters.forEach(({ data, storage, length, dataBuffer }) => {
    if (data) stretch(stretches, backend, data, storage, length, dataBuffer);
  });
  parameters.forEach(({ source, storage, length }) => {
    if (source) stretchSource(stretches, backend, source, storage, length);
  });
  for (const [{ length }, , { array, storage }] of state) stretch(stretches, backend, array, storage, length);
  stretches.sort((a, b) => a.start - b.start);
  for (let i = 1; i < stretches.length; i++) {
    const { start, from, to } = stretches[i - 1] as Stretch;
    if ((stretches[i] as Stretch).start < start + (to - from)) return false;
  }
  return true;
}

/**
 * Refuses parameters that overlap: data may overlap neither data nor a gradient, and no state.
 * @param state The state arrays of parameters.
 * @throws OptimError ERR_ALIASED.
 */
export function checkOverlap(
  parameters: readonly CheckedParameter[],
  state: readonly StateArray[],
  backend: Backend,
): void {
  if (areApart(parameters, state, backend)) return;
  for (const { name, source, storage, length } of parameters) {
    if (source) checkParts(backend, source, storage, length, name);
  }
  // Arrays of one kind follow one another, as they mostly lie in memory: sorting is fast where they are in order
  // already.
  const intervals: Interval[] = [];
  for (const { name, data, storage, length } of parameters) {
    if (data && length > 0) intervals.push(intervalOf(backend, data, length, storage, true, "data", name));
  }
  for (const { name, source, storage, length } of parameters) {
    if (source && length > 0) intervals.push(...intervalsOfSource(backend, source, storage, length, false, name));
  }
  for (const [{ name, length }, slot, { array, storage }] of state) {
    if (length > 0) intervals.push(intervalOf(backend, array, length, storage, true, slot, name));
  }
  checkIntervals(intervals);
}
