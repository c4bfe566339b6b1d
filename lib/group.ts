import type { ArrayRun } from "./allocate.ts";
import { type Definition, readWithPreset } from "./definition.ts";
import { OptimError } from "./errors.ts";
import { checkOption, checkOptionName, checkSettable } from "./options.ts";
import type { CheckedParameter, Parameter } from "./parameter.ts";
import { variantOf } from "./rule.ts";
import type { FloatArray } from "./typed-array.ts";

/** Parameters with options of their own, as a constructor or `addParamGroup` takes them. */
export type ParamGroupInput<O> = { readonly params: Iterable<Parameter> } & Partial<O>;

/** A group's options, to read and to set; a new value takes effect at the next step. */
export type ParamGroup<O> = Required<O> & {
  /** The names of the group's parameters. */
  readonly params: readonly string[];
};

/** Steps taken, shared by the parameters that took the same ones. */
export interface Clock {
  step: number;
}

/** A parameter in an optimizer. */
export interface Entry {
  readonly parameter: CheckedParameter;
  clock: Clock;
  /** The state arrays by slot. */
  readonly slots: Record<string, FloatArray>;
}

/** Parameters that share hyperparameters. */
export class Group<O extends object = object> {
  readonly definition: Definition<O>;
  readonly options: Required<O>;
  readonly entries: readonly Entry[];
  readonly view: ParamGroup<O>;
  /** Counts the changes of the options. */
  version = 0;
  /** The version that the slots were last made for; -1 before the first step. */
  preparedVersion = -1;
  #variant = -1;
  #variantVersion = -1;
  /** The memory of the entries' slots. */
  readonly memory: ArrayRun[] = [];

  /** @throws OptimError ERR_OPTION where the options contradict one another. */
  constructor(definition: Definition<O>, options: Required<O>, parameters: readonly CheckedParameter[]) {
    this.definition = definition;
    this.options = options;
    checkConflict(definition, options);
    this.entries = parameters.map((parameter) => ({ parameter, clock: { step: 0 }, slots: {} }));
    this.view = viewOf(this);
  }

  /** The set of flags that the options ask for now. */
  get variant(): number {
    if (this.#variantVersion !== this.version) {
      this.#variant = variantOf(this.definition.rule, this.definition.flags(this.options));
      this.#variantVersion = this.version;
    }
    return this.#variant;
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

/** The options as a user sees them: every value that is set is checked first, and no property comes or goes. */
function viewOf<O extends object>(group: Group<O>): ParamGroup<O> {
  const { definition, options, entries } = group;
  const params = Object.freeze(entries.map(({ parameter }) => parameter.name));
  const refuse = (change: string): never => {
    throw new OptimError("ERR_OPTION", `Expected the options of ${definition.name} to be set only, not ${change}.`);
  };
  const target = Object.assign(options, { params });
  Object.defineProperty(target, "params", { writable: false, configurable: false });
  return new Proxy(target, {
    set(_, name, value) {
      if (name === "params") refuse("given other parameters; see addParamGroup");
      checkOptionName(definition.options, name, definition.name);
      checkSettable(definition.options, name as string, definition.name);
      const kept = checkOption(definition.options, name as string, value);
      checkConflict(definition, { ...options, [name]: kept });
      (options as Record<PropertyKey, unknown>)[name] = kept;
      group.version++;
      return true;
    },
    deleteProperty: () => refuse("deleted"),
    defineProperty: () => refuse("defined anew"),
    setPrototypeOf: () => refuse("given a prototype"),
    preventExtensions: () => refuse("frozen"),
  });
}
