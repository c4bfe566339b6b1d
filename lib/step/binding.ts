import type { Backend, BoundGroups } from "../backends/backend.ts";
import { OptimError } from "../errors.ts";
import { Liveness } from "../memory/liveness.ts";
import type { Group } from "../parameters/group.ts";
import type { AnyRule } from "../rules/rule.ts";
import type { MadeSlots } from "../state/slots.ts";
import { checkZeroed } from "./call-arrays.ts";
import { type Cohort, describePlan, type Plan } from "./plan.ts";

/** A plan's arrays as the backend has them. */
export interface Binding {
  readonly bound: BoundGroups;
  readonly liveness: Liveness;
  readonly staged: boolean;
}

/** Slots and a binding that were made for a plan whose step has not begun. */
export interface Fit {
  readonly made: readonly MadeSlots[];
  readonly binding: Binding;
}

/** A binding of an earlier plan, whose place another may take. */
export type Spare = Pick<Binding, "bound" | "staged">;

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

/**
 * Hands a plan's arrays to the backend.
 * @param spare Takes them, where it is for the same kind of steps and has room.
 * @throws OptimError ERR_MEMORY, ERR_DETACHED, ERR_ALIASED.
 */
export function bind<O extends object>(
  rule: AnyRule,
  backend: Backend,
  plan: Plan<O>,
  staged: boolean,
  spare?: Spare,
): Binding {
  const liveness = new Liveness();
  const described = describePlan(rule, plan, liveness);
  checkZeroed(plan, plan.streamsOf, backend);
  const { length } = plan.runs;
  const room = spare?.staged === staged ? spare.bound : undefined;
  const bound = room?.rebind(described, length) ? room : backend.bind(described, length, staged);
  if (!bound) {
    throw new OptimError("ERR_MEMORY", "Not enough memory to list the parameters.");
  }
  return { bound, liveness, staged };
}
