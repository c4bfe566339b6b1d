import { type ArrayRun, allocateRun, releaseRun } from "./allocate.ts";
import type { Backend } from "./backends/backend.ts";
import type { Definition } from "./definition.ts";
import type { Entry, Group } from "./group.ts";
import { isStageSlot } from "./stages.ts";
import { type FloatArray, fillWith, type NumberType } from "./typed-array.ts";

/** The memory of some slots of a group's entries of one number type. */
export interface SlotRun {
  readonly run: ArrayRun;
  readonly type: NumberType;
  /** How many of the entries are still in the group. */
  entries: number;
}

/**
 * Gives a slot of an entry its initial values.
 * @param zeroed Whether it holds zeros.
 */
export function beginSlot<O extends object>(
  definition: Definition<O>,
  group: Group<O>,
  entry: Entry,
  slot: string,
  zeroed = false,
): void {
  const array = entry.slots[slot] as FloatArray;
  if (slot === "ema") entry.averageBegins = entry.clock.step > 0;
  const initial = isStageSlot(slot) ? 0 : definition.initial(slot, group.options);
  if (!zeroed || !Object.is(initial, 0)) fillWith(array, initial);
}

/**
 * Makes the slots that a group lacks, at their initial values; all of them or none.
 * @returns whether there were any.
 * @throws OptimError ERR_MEMORY.
 */
export function allocateSlots<O extends object>(
  definition: Definition<O>,
  backend: Backend,
  group: Group<O>,
  slots: readonly string[],
): boolean {
  const lacking = slots.filter((slot) => !group.allocatedSlots.includes(slot));
  if (lacking.length === 0 || group.entries.length === 0) return false;
  const made: { readonly slotRun: SlotRun; readonly entries: readonly Entry[] }[] = [];
  try {
    for (const type of ["float32", "float64"] as const) {
      const entries = group.entries.filter(({ parameter }) => parameter.type === type);
      if (entries.length === 0) continue;
      const lengths = lacking.flatMap(() => entries.map(({ parameter }) => parameter.length));
      const run = allocateRun(backend, lengths, type, false, entries.length);
      made.push({ slotRun: { run, type, entries: entries.length }, entries });
    }
  } catch (error) {
    for (const { slotRun } of made) releaseRun(backend, slotRun.run);
    throw error;
  }
  for (const { slotRun, entries } of made) {
    group.memory.push(slotRun);
    lacking.forEach((slot, s) => {
      entries.forEach((entry, e) => {
        entry.slots[slot] = slotRun.run.arrays[s * entries.length + e] as FloatArray;
        beginSlot(definition, group, entry, slot, true);
      });
    });
  }
  return true;
}

/** Gives back the memory of a group's slots. */
export function releaseSlots(backend: Backend, group: Group): void {
  for (const { run } of group.memory) releaseRun(backend, run);
}

/** Gives back the memory of slots whose entries have all left the group, of which these are the last to leave. */
export function releaseSlotsOf(backend: Backend, group: Group, leaving: readonly Entry[]): void {
  for (const slotRun of group.memory) {
    slotRun.entries -= leaving.filter(({ parameter }) => parameter.type === slotRun.type).length;
    if (slotRun.entries === 0) releaseRun(backend, slotRun.run);
  }
}
