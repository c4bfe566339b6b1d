import type { Backend } from "../backends/backend.ts";
import { OptimError } from "../errors.ts";
import type { Entry } from "../parameters/group.ts";
import type { Cohort, Plan } from "./plan.ts";

/** Where the last step of each parameter was: over its own data, or over data that was given for that call. */
export class Places {
  readonly #backend: Backend;
  readonly #elsewhere = new Set<Entry>();

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  /** Whether the last step of every parameter was over its own data. */
  get areAllOwn(): boolean {
    return this.#elsewhere.size === 0;
  }

  isElsewhere(entry: Entry): boolean {
    return entry.parameter.data === null || this.#elsewhere.has(entry);
  }

  /**
   * Refuses to step parameters' own data by what was accumulated for other data.
   * @throws OptimError ERR_STATE.
   */
  checkOwn(waiting: readonly Entry[]): void {
    const elsewhere = waiting.find((entry) => this.isElsewhere(entry));
    if (!elsewhere) return;
    throw new OptimError(
      "ERR_STATE",
      `Expected the gradients of '${elsewhere.parameter.name}' to be accumulated for its own data, ` +
        "but the last call was given other data: give it to step() until the window is full, or drop the window.",
    );
  }

  /** Forgets all other entries. */
  keep(entries: ReadonlySet<Entry>): void {
    for (const entry of this.#elsewhere) if (!entries.has(entry)) this.#elsewhere.delete(entry);
  }

  /** Notes where a step was that is done. */
  note<O extends object>({ cohorts, streamsOf }: Plan<O>): void {
    for (let i = 0; i < cohorts.length; i++) {
      const { entries } = cohorts[i] as Cohort<O>;
      for (let e = 0; e < entries.length; e++) {
        const entry = entries[e] as Entry;
        const { data, length } = entry.parameter;
        if (!data) continue; // it is always elsewhere
        const { out } = streamsOf(entry);
        const own = out === data || length === 0 || this.#backend.address(out) === this.#backend.address(data);
        if (!own) this.#elsewhere.add(entry);
        else if (this.#elsewhere.size > 0) this.#elsewhere.delete(entry);
      }
    }
  }
}
