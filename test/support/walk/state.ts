// What a walk knows: the memory and the optimizers that it has made, and beside each what it must hold.
import {
  type AnyParameter,
  OptimError,
  type RMSprop,
  type RMSpropOptions,
  type StateDict,
} from "../../../lib/index.ts";
import type { FloatArray } from "../../../lib/numbers/typed-array.ts";
import type { OwnParameter } from "../arrays.ts";
import { uniformFrom } from "../cases.ts";
import type { StagedModel, StagedPart } from "../staged-model.ts";
import type { MadeGradient } from "./made.ts";

/** Memory that several arrays may share. */
export interface Source {
  readonly kind: string;
  /** Whether a step off the event loop may work on it. */
  readonly stays: boolean;
  alive: boolean;
  /** Steps off the event loop that work on it. */
  inFlight: number;
  readonly take: () => void;
}

/** Whether memory is of `allocate()`, which refuses to go while a step works on it. */
export const isOwn = ({ kind }: Source) => kind === "allocated" || kind === "shared";

/** An array with what it must hold; its memory may have gone. */
export interface Tracked extends OwnParameter {
  /** The gradient, where steps make it; then `grad` is not used. */
  readonly made?: MadeGradient | undefined;
  /** The same as an optimizer gets it, with that gradient. */
  readonly given?: AnyParameter | undefined;
  readonly expectedGrad: FloatArray;
  readonly expected: { data: FloatArray };
  readonly source: Source;
}

/** Whether a parameter has lost its memory. One without elements has none to lose. */
export const isGone = ({ source, expectedGrad }: Tracked) => !source.alive && expectedGrad.length > 0;

/** A parameter in an optimizer. */
export interface Entry {
  readonly parameter: Tracked;
  readonly model: StagedPart;
  readonly group: number;
  /** Whether the optimizer has its arrays; else they come with each call. */
  readonly placed: boolean;
  frozen: boolean;
  /** Whether its last step was over data that it was given for it. */
  elsewhere: boolean;
}

/** A state that was taken, with what it must hold. */
export interface Saved {
  readonly state: StateDict;
  readonly groups: readonly RMSpropOptions[];
  readonly lossScale: { readonly scale: number; readonly goodSteps: number };
  readonly models: ReadonlyMap<string, SavedModel>;
}

export interface SavedModel {
  readonly group: number;
  readonly frozen: boolean;
  readonly step: number;
  readonly waiting: number;
  readonly slots: Readonly<Record<string, FloatArray>>;
  readonly sum: FloatArray;
  readonly ema: FloatArray | undefined;
  readonly averaged: number;
}

/** An optimizer, with what it must hold. */
export interface Trainee {
  readonly optimizer: RMSprop;
  /** What its steps do over all groups. */
  readonly stages: StagedModel;
  /** The constructor's options, which groups that come later begin with. */
  readonly base: RMSpropOptions;
  readonly entries: Map<string, Entry>;
  readonly groups: RMSpropOptions[];
  saved: Saved | undefined;
  /** The parameters whose averages are in their place. */
  swapped: readonly Entry[] | undefined;
  /** The step that `lastStep` must tell. */
  lastStep: number;
  disposed: boolean;
  pending: boolean;
}

/** What refuses any call that changes an optimizer. */
export const idleCode = ({ disposed, pending }: Trainee): string | undefined =>
  disposed ? "ERR_DETACHED" : pending ? "ERR_STEP_IN_FLIGHT" : undefined;

/** What refuses a call that needs the parameters in their place. */
export const settledCode = (trainee: Trainee): string | undefined =>
  idleCode(trainee) ?? (trainee.swapped ? "ERR_STATE" : undefined);

/** What refuses a call that reads or writes all of an optimizer's arrays. */
export const memoryCode = ({ entries }: Trainee): string | undefined =>
  [...entries.values()].some(({ placed, parameter }) => placed && isGone(parameter)) ? "ERR_DETACHED" : undefined;

/** Whether two arrays hold the same bits; every NaN is one NaN. */
export function same(a: FloatArray, b: FloatArray): boolean {
  if (a.length !== b.length) return false;
  const [left, right] = [a, b].map((each) => Buffer.from(each.buffer, each.byteOffset, each.byteLength));
  return Buffer.compare(left as Buffer, right as Buffer) === 0 || a.every((value, i) => Object.is(value, b[i]));
}

/** What all parts of a walk share: its chances, its calls, and what it has made. */
export class WalkState {
  readonly uniform: () => number;
  parameters: Tracked[] = [];
  trainees: Trainee[] = [];
  #names = 0;
  /** How often each call was made, and refused. */
  readonly counts: Record<string, [calls: number, refusals: number]> = {};
  /** How many steps did what beside the rule. */
  readonly events: Record<string, number> = {};

  constructor(seed: number) {
    this.uniform = uniformFrom(seed);
  }

  pick(count: number): number {
    return Math.floor(this.uniform() * count);
  }
  one<T>(list: readonly T[]): T | undefined {
    return list[this.pick(list.length)];
  }
  chance(share: number): boolean {
    return this.uniform() < share;
  }

  newName(): string {
    return `p${this.#names++}`;
  }

  count(name: string, refused: boolean): void {
    this.counts[name] ??= [0, 0];
    this.counts[name][0]++;
    if (refused) this.counts[name][1]++;
  }

  /** Notes what a step did, if it did. */
  note(event: string, happened: unknown): void {
    if (happened) this.events[event] = (this.events[event] ?? 0) + 1;
  }

  /** Makes a call that must be refused with a code, or, where that is undefined, must not. */
  call<T>(name: string, code: string | undefined, action: () => T): T | undefined {
    let found: OptimError | undefined;
    let result: T | undefined;
    try {
      result = action();
    } catch (error) {
      if (!(error instanceof OptimError)) throw error;
      found = error;
    }
    this.count(name, found !== undefined);
    if (found?.code !== code) {
      throw new Error(
        `${name}: expected ${code ?? "no refusal"}, found ${found ? `${found.code}: ${found.message}` : "none"}`,
      );
    }
    return result;
  }

  /** Fills an array with values between -2 and 2. */
  fill(array: FloatArray): void {
    for (let i = 0; i < array.length; i++) array[i] = 4 * this.uniform() - 2;
  }
}
