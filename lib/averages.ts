import type { Cohort, Plan } from "./cohorts.ts";
import type { Entry, Group } from "./group.ts";
import { copyInto, type FloatArray, fillWith } from "./typed-array.ts";

/** The entries that have an average of the weights which has begun. */
export function averagedIn(groups: readonly Group[]): Entry[] {
  const averaged = groups.filter(({ stageOptions }) => stageOptions.ema !== null);
  return averaged.flatMap(({ entries }) => entries.filter(({ clock, slots }) => clock.averaged > 0 && slots.ema));
}

/** An average that begins with the coming step. */
export interface Beginning {
  readonly ema: FloatArray;
  /** The weights that it begins as; undefined: it begins as that step leaves them. */
  readonly data: FloatArray | undefined;
}

/**
 * The averages that begin with the coming step. Those of parameters that have taken no step yet are left out: their slots
 * hold zeros, and zeros are all that is needed there.
 */
export function beginnings<O extends object>({ cohorts, streamsOf }: Plan<O>): readonly Beginning[] | undefined {
  let list: Beginning[] | undefined;
  for (let i = 0; i < cohorts.length; i++) {
    const { group, entries, clock, averages } = cohorts[i] as Cohort<O>;
    if (!averages || clock.averaged > 0 || clock.step === 0) continue;
    const isFirst = clock.step + 1 === (group.stageOptions.ema?.start ?? 1);
    list ??= [];
    for (const entry of entries) {
      if (entry.parameter.length === 0) continue;
      list.push({ ema: entry.slots.ema as FloatArray, data: isFirst ? undefined : streamsOf(entry).data });
    }
  }
  return list;
}

/**
 * Writes what averages begin as. The slot of one that has not begun is nobody's: where the step is skipped, the next one
 * writes it again. Calls nothing that a program could have put something else in the place of.
 */
export function begin(list: readonly Beginning[]): void {
  for (let i = 0; i < list.length; i++) {
    const { ema, data } = list[i] as Beginning;
    if (data) copyInto(ema, data);
    else fillWith(ema, 0);
  }
}

/** The state arrays of an entry that have begun. */
export function begunSlots({ slots, clock }: Entry): Readonly<Record<string, FloatArray>> {
  if (clock.averaged > 0) return slots;
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
