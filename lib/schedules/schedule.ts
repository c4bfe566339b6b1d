/** A schedule's state as plain data: numbers, strings, booleans, null, and arrays and objects of these. */
export type ScheduleState = Readonly<Record<string, unknown>>;

/** A learning rate that depends on more than the step. An optimizer's `stateDict` includes its state. */
export interface Schedule {
  /**
   * The learning rate of a step: a finite number of 0 or more.
   * @param step The step, from 1.
   */
  rate(step: number): number;
  /** A copy of the state. */
  stateDict(): ScheduleState;
  /**
   * Puts a state in the place of the schedule's own.
   * @param state As `stateDict` gave it.
   * @throws OptimError ERR_STATE where it does not fit; nothing is changed then.
   */
  loadStateDict(state: ScheduleState): void;
}

/** A learning rate: a number, a function of the step, which counts from 1, or a schedule with state. */
export type Rate = number | ((step: number) => number) | Schedule;

export function isSchedule(value: unknown): value is Schedule {
  if (typeof value !== "object" || value === null) return false;
  const { rate, stateDict, loadStateDict } = value as Partial<Schedule>;
  return [rate, stateDict, loadStateDict].every((method) => typeof method === "function");
}

/**
 * Loads states into schedules, all or none.
 * @returns A function that undoes it.
 * @throws What a schedule's `loadStateDict` throws; no schedule is changed then.
 */
export function loadSchedules(loads: readonly (readonly [Schedule, ScheduleState])[]): () => void {
  const before = loads.map(([schedule]) => schedule.stateDict());
  const undo = () => {
    loads.forEach(([schedule], i) => {
      schedule.loadStateDict(before[i] as ScheduleState);
    });
  };
  try {
    for (const [schedule, state] of loads) schedule.loadStateDict(state);
  } catch (error) {
    undo();
    throw error;
  }
  return undo;
}
