import type { Backend } from "../backends/backend.ts";
import type { Definition } from "../definition.ts";
import { allocateBlock, releaseBlock } from "../memory/block.ts";
import type { Storage } from "../numbers/storage.ts";
import { type FloatArray, fillWith, numberTypes } from "../numbers/typed-array.ts";
import { type Entry, type Group, initialOf, type SlotBlock } from "../parameters/group.ts";

/** Slots that were just made, for a group's entries of one number type. */
export interface MadeSlots {
  readonly group: Group;
  readonly entries: readonly Entry[];
  readonly slots: readonly string[];
  readonly slotBlock: SlotBlock;
}

/**
 * Makes the slots that groups lack, with their initial values; all or none.
 * @param slotsOf The slots that a group needs.
 * @returns The new slots, for `takeBackSlots`.
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
      for (const type of numberTypes) {
        const entries = group.entries.filter(({ parameter }) => parameter.type === type);
        if (entries.length === 0) continue;
        const lengths = slots.flatMap(() => entries.map(({ parameter }) => parameter.length));
        const storage: Storage = type;
        const block = allocateBlock(backend, lengths, storage, false, entries.length, true);
        const slotBlock = { block, type, entries: entries.length };
        made.push({ group: group as Group, entries, slots, slotBlock });
        group.memory.push(slotBlock);
        slots.forEach((slot, s) => {
          const initial = initialOf(definition, group, slot);
          const isZero = Object.is(initial, 0);
          entries.forEach((entry, e) => {
            const array = block.arrays[s * entries.length + e] as FloatArray;
            entry.slots[slot] = { array, storage };
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

/** Removes slots that were just made, and frees their memory. */
export function takeBackSlots(backend: Backend, made: readonly MadeSlots[]): void {
  for (const { group, entries, slots, slotBlock } of made) {
    group.memory.splice(group.memory.indexOf(slotBlock), 1);
    for (const entry of entries) for (const slot of slots) delete entry.slots[slot];
    releaseBlock(backend, slotBlock.block);
  }
}

/** Frees the memory of a group's slots. */
export function releaseSlots(backend: Backend, group: Group): void {
  for (const { block } of group.memory) releaseBlock(backend, block);
}

/** Frees each block of slots once the last of its entries leaves the group. */
export function releaseSlotsOf(backend: Backend, group: Group, leaving: readonly Entry[]): void {
  for (const slotBlock of group.memory) {
    slotBlock.entries -= leaving.filter(({ parameter }) => parameter.type === slotBlock.type).length;
    if (slotBlock.entries === 0) releaseBlock(backend, slotBlock.block);
  }
}

/** Drops the gradients that an entry has accumulated. Entries that share a clock have the same number of calls waiting. */
export function emptyWindow({ clock, slots, parameter }: Entry): void {
  if (slots.gradAccumulator && parameter.length > 0) fillWith(slots.gradAccumulator.array, 0);
  clock.waiting = 0;
}
