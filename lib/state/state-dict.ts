import type { Definition } from "../definition.ts";
import { copyOf, type FloatArray, type NumberType } from "../numbers/typed-array.ts";
import type { Clock, Group } from "../parameters/group.ts";
import { usedSlots } from "../rules/rule.ts";
import { isSchedule } from "../schedules/schedule.ts";
import { begunSlots } from "./averages.ts";
import type { LossScaleState } from "./loss-scale.ts";

/** An optimizer's state and options as plain data, by parameter name. */
export interface StateDict {
  /** The rule's name. */
  rule: string;
  /**
   * The options of each group, and the names of its parameters. An `lr` that is a function or a schedule is left out; a
   * schedule's state is there as `schedule`.
   */
  paramGroups: ({ params: string[] } & Record<string, unknown>)[];
  /**
   * For each parameter the number of steps it took, and its slots. With a slot `gradAccumulator` also `accumulated`,
   * the number of calls whose gradients it holds. With a slot `ema` also `averaged`, the number of steps that the
   * average took in; in a state without it, of version 0.1, the average took in every step.
   */
  state: Record<string, { step: number } & Record<string, FloatArray | number>>;
  /** The search for a scale of the loss, with the option `lossScale`. */
  lossScale?: LossScaleState;
  /** The names of the parameters that are frozen. Left out where none is; a state without it has none. */
  frozen?: string[];
}

/** What a load left undone, as paths in the state: `state.w`, `paramGroups[0]`, `lossScale`. */
export interface Unmatched {
  /** What the optimizer has and the state did not replace. */
  readonly missing: readonly string[];
  /** What the state has and the optimizer did not take. */
  readonly unexpected: readonly string[];
}

/** What `loadStateDict` takes: a `StateDict` whose arrays are typed arrays, or lists of numbers, as JSON has them. */
export interface StateInput extends Omit<StateDict, "state"> {
  /** For each parameter the steps it took, and its slots. */
  state: Record<string, { step: number } & Record<string, FloatArray | readonly number[] | number>>;
}

/** The counts of a parameter, as a state has them. */
export function countsOf({ step, waiting, averaged }: Clock, slots: object): { step: number } & Record<string, number> {
  return {
    step,
    ...("gradAccumulator" in slots ? { accumulated: waiting } : {}),
    ...("ema" in slots ? { averaged } : {}),
  };
}

/** The options of groups, as a state has them. Schedules' own code runs here. */
export function writeParamGroups<O extends object>(
  definition: Definition<O>,
  groups: readonly Group<O>[],
): StateDict["paramGroups"] {
  return groups.map(({ options, view }) => {
    const plain = Object.fromEntries(
      Object.keys(definition.options).map((name) => [name, (options as Record<string, unknown>)[name]]),
    );
    const { lr } = plain;
    if (typeof lr !== "number") delete plain.lr;
    return { ...plain, ...(isSchedule(lr) ? { schedule: lr.stateDict() } : {}), params: [...view.params] };
  });
}

/**
 * Copies of the state of groups' parameters. Options that were set since the last step may need a slot that only the
 * next step makes. It is there with its initial values, because without it the state would not load.
 */
export function writeStates(groups: readonly Group<object>[]): StateDict["state"] {
  return Object.fromEntries(
    groups.flatMap(({ definition, options, variant, entries }) => {
      const used = usedSlots(definition.rule, variant);
      return entries.map((entry) => {
        const { parameter, clock } = entry;
        const slots = begunSlots(entry);
        const copies = Object.entries(slots).map(([slot, { array }]) => [slot, copyOf(array)] as const);
        const coming = used
          .filter((slot) => !(slot in slots))
          .map((slot) => [slot, filled(parameter.type, parameter.length, definition.initial(slot, options))] as const);
        const arrays = Object.fromEntries([...copies, ...coming]);
        return [parameter.name, { ...countsOf(clock, slots), ...arrays }] as const;
      });
    }),
  );
}

function filled(type: NumberType, length: number, value: number): FloatArray {
  return (type === "float32" ? new Float32Array(length) : new Float64Array(length)).fill(value);
}
