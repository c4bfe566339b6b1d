// Models with replicas, and which of them a team of workers has for itself.
import { OptimError } from "../errors.ts";

/** By the model that a program has: whether a team has it. */
const teams = new WeakMap<object, boolean>();

/** Notes a model that `allocate` made. */
export function noteReplicated(model: object): void {
  teams.set(model, false);
}

/** Whether `allocate` of this copy of the package made this model, with replicas. */
export const isReplicated = (model: unknown): boolean => teams.has(model as object);

export function setTeam(model: object, hasTeam: boolean): void {
  teams.set(model, hasTeam);
}

/**
 * Refuses a model while a team has it.
 * @throws OptimError ERR_STEP_IN_FLIGHT.
 */
export function checkNoTeam(model: object): void {
  if (!teams.get(model)) return;
  throw new OptimError(
    "ERR_STEP_IN_FLIGHT",
    "Expected a model that no team works on, but one does: await its close() first.",
  );
}
