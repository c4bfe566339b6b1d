import { type Definition, readWithPreset } from "../definition.ts";
import { OptimError } from "../errors.ts";
import type { ArrayBlock } from "../memory/block.ts";
import { Liveness } from "../memory/liveness.ts";
import { checkIdle } from "../memory/memory.ts";
import type { StoredArray } from "../numbers/storage.ts";
import { fillWith, type NumberType } from "../numbers/typed-array.ts";
import { checkFloat32 } from "../options/number-domains.ts";
import { checkOption, checkOptionName, checkSettable } from "../options/option.ts";
import {
  type AnyStageOptions,
  isStaged,
  isStageSlot,
  scalesGradients,
  usedStageSlots,
  type WholeOptions,
} from "../options/stages.ts";
import { usedSlots, variantOf } from "../rules/rule.ts";
import type { Guarded } from "./guards.ts";
import type { StateArray } from "./overlap.ts";
import type { AnyParameter, CheckedParameter } from "./parameter.ts";
import { watchSource } from "./source.ts";

/**
 * Parameters with options of their own, as a constructor or `addParamGroup` takes them. Options that a group leaves out
 * are the constructor's.
 * @example
 * ```js
 * import { RMSprop, allocate } from "rmsprop";
 *
 * const [weights, bias] = allocate({ weights: [4, 4], bias: [4] }).parameters;
 * const optimizer = new RMSprop([{ params: [weights], weightDecay: 0.01 }, { params: [bias] }], { lr: 0.001 });
 * console.log(optimizer.paramGroups.map(({ lr, weightDecay }) => [lr, weightDecay])); // [ [ 0.001, 0.01 ], [ 0.001, 0 ] ]
 * ```
 */
export type ParamGroupInput<O, N extends string = string> = {
  // The list by itself, because TypeScript infers no names through an iterable in an iterable.
  readonly params: readonly AnyParameter<N>[] | Iterable<AnyParameter<N>>;
} & Partial<O>;

/** A group's options, to read and to set; a new value takes effect at the next step. */
export type ParamGroup<O> = Required<O> & {
  /** The names of the group's parameters. */
  readonly params: readonly string[];
};

/** Counts of steps and calls, shared by parameters that count alike. */
export interface Clock {
  step: number;
  /** The calls that were accumulated since the last step. */
  waiting: number;
  /** The steps that the average of the weights has taken in; 0 before it has begun. */
  averaged: number;
  /** The number of parameters that have this clock. */
  members: number;
}

/** A parameter in an optimizer. */
export interface Entry extends Guarded {
  readonly parameter: CheckedParameter;
  clock: Clock;
  /** Whether steps leave it out. */
  frozen: boolean;
  /** The state arrays by slot. */
  readonly slots: Record<string, StoredArray>;
}

/** Parameters that share hyperparameters. */
export class Group<O extends object = object> {
  readonly definition: Definition<O>;
  readonly options: Required<O>;
  entries: readonly Entry[];
  readonly view: ParamGroup<O>;
  /** Counts the changes of the options. */
  version = 0;
  /** The learning rate of the last step; NaN before the first. Of parameters whose steps differ, that of the last of them. */
  rate = Number.NaN;
  /** The version of the options whose slots have all been made; -1 before any have. */
  preparedVersion = -1;
  /** The options of the optimizer as a whole. */
  readonly whole: WholeOptions;
  #variant = -1;
  #variantVersion = -1;
  /** The memory of the entries' slots. */
  readonly memory: SlotBlock[] = [];

  /** @throws OptimError ERR_OPTION where the options contradict one another. */
  constructor(
    definition: Definition<O>,
    options: Required<O>,
    parameters: readonly CheckedParameter[],
    whole: WholeOptions,
  ) {
    this.definition = definition;
    this.options = options;
    this.whole = whole;
    checkConflict(definition, options);
    checkFloat32(definition.options, options, parameters);
    const clock = { step: 0, waiting: 0, averaged: 0, members: parameters.length };
    this.entries = parameters.map((parameter) => ({
      ...{ parameter, clock, frozen: false, guard: undefined, standing: undefined, slots: {} },
    }));
    this.view = viewOf(this);
  }

  /** Takes entries out. */
  remove(leaving: ReadonlySet<Entry>): void {
    this.entries = this.entries.filter((entry) => !leaving.has(entry));
    showParams(this);
  }

  /** The set of flags that the options ask for now. */
  get variant(): number {
    if (this.#variantVersion !== this.version) {
      const { rule } = this.definition;
      const flags = this.definition.flags(this.options);
      const scaled = "gradScale" in rule.flags && scalesGradients(this.stageOptions, this.whole);
      this.#variant = variantOf(rule, scaled ? { ...flags, gradScale: "on" } : flags);
      this.#variantVersion = this.version;
    }
    return this.#variant;
  }

  get stageOptions(): AnyStageOptions {
    return this.options as unknown as AnyStageOptions;
  }

  /** Whether steps have stages beside the rule. */
  get staged(): boolean {
    return isStaged(this.stageOptions, this.whole);
  }

  /** The slots that the options ask for now, of the rule and of stages. */
  get neededSlots(): readonly string[] {
    return [...usedSlots(this.definition.rule, this.variant), ...usedStageSlots(this.stageOptions, this.whole)];
  }

  get allocatedSlots(): readonly string[] {
    const [first] = this.entries;
    return first ? Object.keys(first.slots) : [];
  }
}

/** @throws OptimError ERR_OPTION. */
export function checkConflict<O extends object>(definition: Definition<O>, options: Required<O>): void {
  const conflict = definition.conflict(options);
  if (conflict) throw new OptimError("ERR_OPTION", conflict);
}

/** Reads the options of a group's description, each once. */
export function readGroupOptions<O extends object>(
  definition: Definition<O>,
  base: Required<O>,
  { params: _, ...given }: Record<string, unknown>,
): Required<O> {
  return readWithPreset(definition, base, given);
}

/** Shows the names of a group's parameters in its view. */
function showParams<O extends object>({ options, entries }: Group<O>): void {
  const value = Object.freeze(entries.map(({ parameter }) => parameter.name));
  Object.defineProperty(options, "params", { value, writable: false, enumerable: true, configurable: true });
}

/** A user's view of the options: every value that is set is checked first, and no property comes or goes. */
function viewOf<O extends object>(group: Group<O>): ParamGroup<O> {
  const { definition, options } = group;
  const refuse = (change: string): never => {
    throw new OptimError("ERR_OPTION", `Expected the options of ${definition.name} to be set only, not ${change}.`);
  };
  showParams(group);
  const target = options as ParamGroup<O>;
  return new Proxy(target, {
    set(_, name, value) {
      if (name === "params") refuse("given other parameters; see addParamGroup");
      checkOptionName(definition.options, name, definition.name);
      checkSettable(definition.options, name as string, definition.name);
      const kept = checkOption(definition.options, name as string, value);
      checkConflict(definition, { ...options, [name]: kept });
      const parameters = group.entries.map(({ parameter }) => parameter);
      checkFloat32(definition.options, { [name]: kept }, parameters, [name as string]);
      const own = options as Record<PropertyKey, unknown>;
      const before = own[name];
      if (Object.is(kept, before)) return true;
      const restarts = restartsState(group, name as string);
      own[name] = kept;
      group.version++;
      if (restarts) restartSlots(definition, group);
      return true;
    },
    deleteProperty: () => refuse("deleted"),
    defineProperty: () => refuse("defined anew"),
    setPrototypeOf: () => refuse("given a prototype"),
    preventExtensions: () => refuse("frozen"),
  });
}

/**
 * Whether a new value of an option changes the state that a group begins with.
 * @throws OptimError ERR_OPTION where the state has begun and nothing else depends on the option; ERR_STEP_IN_FLIGHT where a
 * step is about to begin it.
 */
function restartsState<O extends object>(group: Group<O>, name: string): boolean {
  const { definition, options } = group;
  if (!definition.initialOptions?.includes(name)) return false;
  const begun = group.entries.find(({ clock }) => clock.step > 0);
  if (!begun) {
    checkSlotsIdle(group);
    return true;
  }
  if (definition.usesLater?.(name, options)) return false;
  const { parameter, clock } = begun;
  throw new OptimError(
    "ERR_OPTION",
    `Expected '${name}' of ${definition.name} to be set before the first step, because it only decides ` +
      `the state's initial values, but '${parameter.name}' has taken ${clock.step} ${clock.step === 1 ? "step" : "steps"}.`,
  );
}

export function byName(groups: readonly Group<object>[]): ReadonlyMap<string, Entry> {
  const entries = new Map<string, Entry>();
  for (const group of groups) {
    group.entries.forEach((entry) => {
      entries.set(entry.parameter.name, entry);
    });
  }
  return entries;
}

/** The state arrays of entries, each with its parameter and the name of its slot. */
export function* statesOf(entries: readonly Entry[]): Generator<StateArray> {
  for (const { parameter, slots } of entries) {
    for (const slot in slots) yield [parameter, slot, slots[slot] as StoredArray];
  }
}

/** @throws OptimError ERR_DETACHED where an array of a parameter or of its state has lost its memory. */
export function checkMemory(entries: Iterable<Entry>): void {
  const liveness = new Liveness();
  for (const { parameter, slots } of entries) {
    const { name, data, storage, source, length, dataBuffer } = parameter;
    if (data) liveness.watch(data, length, storage, "data", name, dataBuffer);
    if (source) watchSource(liveness, source, storage, length, name);
    watchSlots(liveness, parameter, slots);
  }
  liveness.check();
}

/** Watches the state arrays of a parameter. */
export function watchSlots(
  liveness: Liveness,
  { name, length }: CheckedParameter,
  slots: Readonly<Record<string, StoredArray>>,
): void {
  for (const slot in slots) {
    const { array, storage } = slots[slot] as StoredArray;
    liveness.watch(array, length, storage, slot, name);
  }
}

/** The memory of some slots of a group's entries of one number type. */
export interface SlotBlock {
  readonly block: ArrayBlock;
  readonly type: NumberType;
  /** The number of its entries that are still in the group. */
  entries: number;
}

/** The initial value of a slot of a group's entries. */
export function initialOf<O extends object>(definition: Definition<O>, group: Group<O>, slot: string): number {
  return isStageSlot(slot) ? 0 : definition.initial(slot, group.options);
}

/** Gives a slot of an entry its initial values. */
export function beginSlot<O extends object>(
  definition: Definition<O>,
  group: Group<O>,
  entry: Entry,
  slot: string,
): void {
  fillWith((entry.slots[slot] as StoredArray).array, initialOf(definition, group, slot));
}

/** @throws OptimError ERR_STEP_IN_FLIGHT while a step off the event loop works on a group's slots. */
export function checkSlotsIdle({ memory }: Group): void {
  for (const { block } of memory) checkIdle(block.buffer);
}

/**
 * Fills the slots of a group that has taken no step with their initial values again, because an option changed those.
 */
export function restartSlots<O extends object>(definition: Definition<O>, group: Group<O>): void {
  for (const entry of group.entries) {
    for (const slot in entry.slots) {
      if (!isStageSlot(slot) && entry.parameter.length > 0) beginSlot(definition, group, entry, slot);
    }
  }
}
