import type { StoredArray } from "../numbers/storage.ts";
import type { FloatArray } from "../numbers/typed-array.ts";
import type { Entry, Group } from "../parameters/group.ts";

/** The entries whose average of the weights has begun. */
export function averagedIn(groups: readonly Group[]): Entry[] {
  const averaged = groups.filter(({ stageOptions }) => stageOptions.ema !== null);
  return averaged.flatMap(({ entries }) => entries.filter(({ clock, slots }) => clock.averaged > 0 && slots.ema));
}

/** The state arrays of an entry that have begun. */
export function begunSlots({ slots, clock }: Entry): Readonly<Record<string, StoredArray>> {
  if (clock.averaged > 0) return slots;
  const { ema: _, ...begun } = slots;
  return begun;
}

/** Exchanges parameters with their averages. */
export function swapAverages(entries: readonly Entry[]): void {
  for (const { parameter, slots } of entries) {
    const { length } = parameter;
    const data = parameter.data as FloatArray; // swapEma() refuses those that have none
    const ema = (slots.ema as StoredArray).array;
    for (let i = 0; i < length; i++) {
      const value = data[i] as number;
      data[i] = ema[i] as number;
      ema[i] = value;
    }
  }
}
