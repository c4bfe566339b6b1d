import type { Definition } from "../definition.ts";
import { OptimError } from "../errors.ts";
import type { Group } from "../parameters/group.ts";
import { show } from "../values/show.ts";
import type { LossScaleState, LossScaling } from "./loss-scale.ts";
import {
  type Loaded,
  type LoadedOptions,
  putTogether,
  type RawState,
  readEntry,
  readLossScale,
  readSavedOptions,
} from "./read-state.ts";
import type { Unmatched } from "./state-dict.ts";

/** How a state is loaded. */
export interface LoadStateOptions {
  /** Whether what does not fit is left out. Default false: all must fit. */
  readonly partial?: boolean;
}

/**
 * The key of a last check, a function among the options of a load. It is called once all schedules' own code has run,
 * before anything changes, and refuses by throwing.
 */
export const beforeLoad: unique symbol = Symbol.for("rmsprop.beforeLoad.1");

/** @throws OptimError ERR_OPTION. */
export function readPartial(given: unknown): boolean {
  if (typeof given !== "object" || given === null) {
    throw new OptimError("ERR_OPTION", `Expected the options of the load to be { partial }, but it is ${show(given)}.`);
  }
  const { partial = false, ...others } = given as LoadStateOptions;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) {
    throw new OptimError("ERR_OPTION", `A load of a state has no option ${show(unknown)}; it has partial.`);
  }
  if (typeof partial === "boolean") return partial;
  throw new OptimError("ERR_OPTION", `Expected 'partial' to be true or false, but it is ${show(partial)}.`);
}

/** What `read` gives; undefined where the state does not fit. */
function ifFits<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof OptimError && error.code === "ERR_STATE") return undefined;
    throw error;
  }
}

/**
 * Finds the parts of a state that fit the groups. A parameter's state is taken whole or not at all, by its name, in
 * whichever group it is. A group takes the options of the state's group that its parameters are in, if they are all in
 * one. No user code runs here.
 */
export function fitPart<O extends object>(
  definition: Definition<O>,
  groups: readonly Group<O>[],
  scaling: LossScaling,
  state: RawState,
): { loaded: Loaded<O>; unmatched: Unmatched } {
  const { paramGroups, states, frozen } = state;
  const sameRule = state.rule === definition.rule.name;
  const groupOf = new Map(paramGroups.flatMap(({ params }, i) => params.map((name) => [name, i] as const)));
  const missing: string[] = [];
  const takenGroups = new Set<number>();
  const takenStates = new Set<string>();

  const readOptions = (group: Group<O>, index: number): LoadedOptions<O> => {
    const [from, ...others] = new Set(group.view.params.flatMap((name) => groupOf.get(name) ?? []));
    const given = from === undefined || others.length > 0 || !sameRule ? undefined : paramGroups[from];
    const read = given && ifFits(() => readSavedOptions(definition, group, from as number, given.options));
    if (read) takenGroups.add(from as number);
    else missing.push(`paramGroups[${index}]`);
    const { params: _, ...current } = group.options as Required<O> & { params?: unknown };
    return read ?? { options: current as unknown as Required<O>, schedule: undefined };
  };

  const loaded = groups.map((group, index) => {
    const read = readOptions(group, index);
    const entries = group.entries.map(({ parameter }) => {
      const { name } = parameter;
      const given = sameRule ? states.get(name) : undefined;
      const entry = given && ifFits(() => readEntry(definition, group, read.options, parameter, given, frozen));
      if (entry) takenStates.add(name);
      else missing.push(`state.${name}`);
      return entry;
    });
    return putTogether(definition, group, read, entries);
  });
  let lossScale: LossScaleState | undefined;
  if (sameRule) lossScale = ifFits(() => readLossScale(scaling, state.lossScale));
  if (scaling.lossScale && !lossScale) missing.push("lossScale");

  const unexpected = [
    ...paramGroups.flatMap((_, i) => (takenGroups.has(i) ? [] : [`paramGroups[${i}]`])),
    ...[...states.keys()].flatMap((name) => (takenStates.has(name) ? [] : [`state.${name}`])),
    ...(state.lossScale && !lossScale ? ["lossScale"] : []),
  ];
  return { loaded: { groups: loaded, lossScale }, unmatched: { missing, unexpected } };
}
