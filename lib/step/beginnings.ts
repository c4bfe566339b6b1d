import type { StoredArray } from "../numbers/storage.ts";
import { copyInto, type FloatArray, fillWith } from "../numbers/typed-array.ts";
import type { Cohort, Plan } from "./plan.ts";

/** An average that begins with the coming step. */
export interface Beginning {
  readonly ema: FloatArray;
  /** The weights that it begins as; undefined: it begins as that step leaves them. */
  readonly data: FloatArray | undefined;
}

/**
 * The averages that begin with the coming step. Those of parameters that have taken no step yet are left out: their
 * slots hold zeros already, as they should.
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
      list.push({ ema: (entry.slots.ema as StoredArray).array, data: isFirst ? undefined : streamsOf(entry).data });
    }
  }
  return list;
}

/**
 * Writes the first values of averages. Nothing reads the slot of an average that has not begun: if the step is skipped,
 * the next one writes it again. No function is called that a program could have replaced.
 */
export function begin(list: readonly Beginning[]): void {
  for (let i = 0; i < list.length; i++) {
    const { ema, data } = list[i] as Beginning;
    if (data) copyInto(ema, data);
    else fillWith(ema, 0);
  }
}
