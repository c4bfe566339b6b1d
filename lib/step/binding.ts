import type { BoundGroups } from "../backends/backend.ts";
import type { Liveness } from "../memory/liveness.ts";
import type { Group } from "../parameters/group.ts";
import type { Cohort, Plan } from "./plan.ts";

/** A plan's arrays as the backend has them. */
export interface Binding {
  readonly bound: BoundGroups;
  readonly liveness: Liveness;
  readonly staged: boolean;
}

/** The groups that may lack slots; undefined where there are none. */
export function unpreparedOf<O extends object>(cohorts: readonly Cohort<O>[]): Iterable<Group<O>> | undefined {
  let groups: Set<Group<O>> | undefined;
  for (let i = 0; i < cohorts.length; i++) {
    const { group } = cohorts[i] as Cohort<O>;
    if (group.preparedVersion === group.version) continue;
    groups ??= new Set();
    groups.add(group);
  }
  return groups;
}

/**
 * Whether a plan sets other gradients to zero than when it was bound. Those that are set to zero may overlap nothing,
 * and only the gradients of then were checked.
 */
export function zeroesOthers<O extends object>({ cohorts }: Plan<O>): boolean {
  return cohorts.some(({ group, zeroes }) => group.stageOptions.zeroGrads !== zeroes);
}
