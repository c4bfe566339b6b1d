import type { Definition } from "../definition.ts";
import { copyInto, lengthOf } from "../numbers/typed-array.ts";
import { beginSlot, type Entry, type Group } from "../parameters/group.ts";
import type { LossScaleState, LossScaling } from "./loss-scale.ts";
import { type Loaded, refuse } from "./read-state.ts";

/**
 * Checks the arrays of a state again: schedules' own code has run since, and may have detached them.
 * @throws OptimError ERR_STATE.
 */
export function checkArrays<O extends object>(groups: readonly Group<O>[], loaded: Loaded<O>): void {
  loaded.groups.forEach(({ entries }, i) => {
    entries.forEach((coming, e) => {
      const { name, length } = ((groups[i] as Group<O>).entries[e] as Entry).parameter;
      for (const [slot, array] of Object.entries(coming?.arrays ?? {})) {
        const found = lengthOf(array);
        if (found !== length) {
          refuse(
            `Expected the ${slot} of '${name}' in the state to have ${length} elements as before, but it has ${found}: ` +
              "it was detached, transferred or shrunk meanwhile.",
          );
        }
      }
    });
  });
}

/**
 * Replaces the options and state of groups by those of a state that fits. The slots for it have been made.
 * @param made For each group the slots that were made for it.
 */
export function loadInto<O extends object>(
  definition: Definition<O>,
  groups: readonly Group<O>[],
  scaling: LossScaling,
  loaded: Loaded<O>,
  made: readonly (readonly string[])[],
): void {
  loaded.groups.forEach(({ options, entries }, i) => {
    const group = groups[i] as Group<O>;
    Object.assign(group.options, options);
    entries.forEach((coming, e) => {
      const entry = group.entries[e] as Entry;
      if (!coming) {
        // Initial values follow the loaded options, as they do before a first step.
        for (const slot of entry.clock.step === 0 ? definition.rule.slots : (made[i] as readonly string[])) {
          if (slot in entry.slots) beginSlot(definition, group, entry, slot);
        }
        return;
      }
      const { frozen, step, waiting, averaged, arrays } = coming;
      entry.frozen = frozen;
      entry.clock.members--;
      entry.clock = { step, waiting, averaged, members: 1 };
      for (const [slot, own] of Object.entries(entry.slots)) {
        const from = arrays[slot];
        beginSlot(definition, group, entry, slot);
        // An average that has taken in nothing is yet to begin.
        if (from && (slot !== "ema" || averaged > 0)) copyInto(own.array, from);
      }
    });
    group.version++;
  });
  if (loaded.lossScale) Object.assign(scaling.lossScale as LossScaleState, loaded.lossScale);
}
