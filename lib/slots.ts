import { type ArrayRun, allocateRun, releaseRun } from "./allocate.ts";
import type { Backend } from "./backends/backend.ts";
import type { Definition } from "./definition.ts";
import type { Entry, Group } from "./group.ts";
import { checkIdle } from "./memory.ts";
import { isStageSlot } from "./stages.ts";
import { type FloatArray, fillWith, type NumberType } from "./typed-array.ts";

/** The memory of some slots of a group's entries of one number type. */
export interface SlotRun {
  readonly run: ArrayRun;
  readonly type: NumberType;
  /** How many of the entries are still in the group. */
  entries: number;
}

/** What a slot of a group's entries begins as. */
function initialOf<O extends object>(definition: Definition<O>, group: Group<O>, slot: string): number {
  return isStageSlot(slot) ? 0 : definition.initial(slot, group.options);
}

/** Gives a slot of an entry its initial values. */
export function beginSlot<O extends object>(
  definition: Definition<O>,
  group: Group<O>,
  entry: Entry,
  slot: string,
): void {
  fillWith(entry.slots[slot] as FloatArray, initialOf(definition, group, slot));
}

/** Slots of a group's entries of one number type that were made just now. */
export interface MadeSlots {
  readonly group: Group;
  readonly entries: readonly Entry[];
  readonly slots: readonly string[];
  readonly slotRun: SlotRun;
}

/**
 * Makes the slots that groups lack, at their initial values; all of them or none.
 * @param slotsOf The slots that a group needs.
 * @returns Those that it made, for `takeBackSlots`.
 * @throws OptimError ERR_MEMORY.
 */
export function allocateSlots<O extends object>(
  definition: Definition<O>,
  backend: Backend,
  groups: Iterable<Group<O>>,
  slotsOf: (group: Group<O>) => readonly string[],
): readonly MadeSlots[] {
  const made: MadeSlots[] = [];
  try {
    for (const group of groups) {
      const present = group.allocatedSlots;
      const slots = slotsOf(group).filter((slot) => !present.includes(slot));
      if (slots.length === 0) continue;
      for (const type of ["float32", "float64"] as const) {
        const entries = group.entries.filter(({ parameter }) => parameter.type === type);
        if (entries.length === 0) continue;
        const lengths = slots.flatMap(() => entries.map(({ parameter }) => parameter.length));
        const run = allocateRun(backend, lengths, type, false, entries.length, true);
        const slotRun = { run, type, entries: entries.length };
        made.push({ group: group as Group, entries, slots, slotRun });
        group.memory.push(slotRun);
        slots.forEach((slot, s) => {
          const initial = initialOf(definition, group, slot);
          const isZero = Object.is(initial, 0);
          entries.forEach((entry, e) => {
            const array = run.arrays[s * entries.length + e] as FloatArray;
            entry.slots[slot] = array;
            if (!isZero) fillWith(array, initial);
          });
        });
      }
    }
  } catch (error) {
    takeBackSlots(backend, made);
    throw error;
  }
  return made;
}

/** Takes slots back that were made just now, as if they had never been. */
export function takeBackSlots(backend: Backend, made: readonly MadeSlots[]): void {
  for (const { group, entries, slots, slotRun } of made) {
    group.memory.splice(group.memory.indexOf(slotRun), 1);
    for (const entry of entries) for (const slot of slots) delete entry.slots[slot];
    releaseRun(backend, slotRun.run);
  }
}

/** @throws OptimError ERR_STEP_IN_FLIGHT while a step off the event loop works on a group's slots. */
export function checkSlotsIdle({ memory }: Group): void {
  for (const { run } of memory) checkIdle(run.buffer);
}

/** Gives the slots of a group that has taken no step their initial values anew, which an option has changed. */
export function restartSlots<O extends object>(definition: Definition<O>, group: Group<O>): void {
  for (const entry of group.entries) {
    for (const slot in entry.slots) {
      if (!isStageSlot(slot) && entry.parameter.length > 0) beginSlot(definition, group, entry, slot);
    }
  }
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
