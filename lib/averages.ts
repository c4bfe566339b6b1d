import type { Entry, Group } from "./group.ts";
import { copyInto, type FloatArray, lengthOf } from "./typed-array.ts";

/** The entries that have an average of the weights which has begun. */
export function averagedIn(groups: readonly Group[]): Entry[] {
  const averaged = groups.filter(({ stageOptions }) => stageOptions.ema !== null);
  const hasBegun = ({ clock, slots, averageBegins }: Entry) => clock.step > 0 && slots.ema && !averageBegins;
  return averaged.flatMap(({ entries }) => entries.filter(hasBegun));
}

/** Begins the averages of parameters that took steps without one. */
export function beginAverages({ entries }: Group): void {
  for (const entry of entries) {
    const { data, length } = entry.parameter;
    // One that is not in this step may have lost its memory.
    if (!entry.averageBegins || lengthOf(data) !== length) continue;
    if (length > 0) copyInto(entry.slots.ema as FloatArray, data);
    entry.averageBegins = false;
  }
}

/** The state arrays of an entry that have begun. */
export function begunSlots({ slots, averageBegins }: Entry): Readonly<Record<string, FloatArray>> {
  if (!averageBegins) return slots;
  const { ema: _, ...begun } = slots;
  return begun;
}

/** Exchanges parameters with their averages. */
export function swapAverages(entries: readonly Entry[]): void {
  for (const { parameter, slots } of entries) {
    const { data, length } = parameter;
    const ema = slots.ema as FloatArray;
    for (let i = 0; i < length; i++) {
      const value = data[i] as number;
      data[i] = ema[i] as number;
      ema[i] = value;
    }
  }
}
