import { OptimError } from "../../errors.ts";
import { isStageSlot, stageOptions } from "../../options/stages.ts";
import type { StateDict } from "../../state/state-dict.ts";
import { show } from "../../values/show.ts";
import { torchName } from "../names.ts";
import { convertedRule, rulesOf } from "./rules/all.ts";
import type { Harmless, TorchRule } from "./rules/rule.ts";
import {
  type ParameterStateDict,
  refuse,
  takeArray,
  takeNumber,
  takeRecord,
  takeState,
  takeStep,
  typeAndLengthOf,
  type Values,
} from "./values.ts";

/**
 * What PyTorch's `Optimizer.state_dict()` gives, tensors as arrays and numbers: parameters by their index, counted through
 * all groups.
 */
export interface TorchStateDict {
  /** The state of each parameter by its index: `step`, where PyTorch counts it, and slots by PyTorch's names. */
  state: Record<string, Record<string, Values | number>>;
  /** The options of each group by PyTorch's names, and as `params` the indices of its parameters. */
  param_groups: Record<string, unknown>[];
}

/** Names in PyTorch's groups that say nothing of what is computed, whatever the optimizer. */
const ignored = new Set(["params", "foreach", "differentiable", "capturable", "fused", "initial_lr"]);

/** Options of all rules that PyTorch lacks and that say nothing of a state that is there, or matter with others alone. */
const common: Harmless = {
  params: () => true,
  preset: () => true, // what it stands for is in the other options
  schedule: () => true, // PyTorch keeps it apart
  decoupledWeightDecay: ({ weightDecay }) => !weightDecay,
};

function ruleOf({ rule }: StateDict): TorchRule {
  const sentence = () => `Expected a state of ${rulesOf("torch").join(", ")}, but it is of ${show(rule)}.`;
  return convertedRule("torch", rule) ?? refuse(sentence());
}

/** @throws OptimError ERR_STATE where an option would have PyTorch's optimizer compute something else. */
function checkOptions(rule: TorchRule, group: Readonly<Record<string, unknown>>, index: number): void {
  const { preset } = group;
  const harmless: Harmless = { ...common, ...rule.harmless };
  if (rule.otherPresets?.includes(preset as string)) {
    refuse(
      `Expected group ${index} to have a state that means in PyTorch what it means here, but its preset is ${show(preset)}.`,
    );
  }
  for (const [name, value] of Object.entries(group)) {
    // PyTorch does apart from its optimizers what surrounds a step here.
    if (Object.hasOwn(rule.options, name) || Object.hasOwn(stageOptions, name)) continue;
    if (Object.hasOwn(harmless, name) && harmless[name]?.(group)) continue;
    if (value === false || value === 0 || value === null || value === undefined) continue;
    refuse(
      `Expected '${name}' of group ${index} to be off, because PyTorch has no such option, but it is ${show(value)}.`,
    );
  }
}

const torchSlot = (rule: TorchRule, slot: string) => {
  const other = rule.slots[slot];
  return typeof other === "string" ? other : torchName(slot);
};

/** The option in PyTorch that has one of ours, and the place there if it is a list. */
function torchOption(rule: TorchRule, name: string): { key: string; at?: number } {
  const other = rule.options[name];
  if (typeof other === "object") return { key: other.list, at: other.at };
  return { key: typeof other === "string" ? other : torchName(name) };
}

/** Options of ours as PyTorch has them. */
function torchOptions(rule: TorchRule, group: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const converted: Record<string, unknown> = {};
  for (const name of Object.keys(rule.options)) {
    if (group[name] === undefined) continue;
    const { key, at } = torchOption(rule, name);
    if (at === undefined) {
      converted[key] = group[name];
    } else {
      const list = (converted[key] ?? []) as unknown[];
      list[at] = group[name];
      converted[key] = list;
    }
  }
  return converted;
}

/**
 * A state as PyTorch has it, for its `load_state_dict`. The arrays are the state's own. Averages of weights and gradients
 * that wait for a step are left out, because PyTorch keeps them apart.
 * @throws OptimError ERR_STATE where PyTorch cannot have it: an option or a slot that it lacks.
 */
export function toTorch(given: StateDict): TorchStateDict {
  const state = takeState(given, "the state");
  const rule = ruleOf(state);
  const converted: TorchStateDict = { state: {}, param_groups: [] };
  let index = 0;
  state.paramGroups.forEach((group, g) => {
    checkOptions(rule, group, g);
    const params = group.params.map((name) => {
      const { step, accumulated: _accumulated, averaged: _averaged, ...all } = state.state[name] as ParameterStateDict;
      const arrays = Object.fromEntries(Object.entries(all).filter(([slot]) => !isStageSlot(slot)));
      const lacking = Object.keys(arrays).find((slot) => !Object.hasOwn(rule.slots, slot));
      if (lacking) refuse(`Expected the state of ${show(name)} to have what PyTorch has, but it has '${lacking}'.`);
      const entries = Object.entries(arrays).map(([slot, array]) => [torchSlot(rule, slot), array] as const);
      // PyTorch has no state of parameters before their first step.
      if (step > 0 && (rule.counts || entries.length > 0)) {
        converted.state[index] = { ...(rule.counts ? { step } : {}), ...Object.fromEntries(entries) };
      }
      return index++;
    });
    converted.param_groups.push({ ...rule.others, ...torchOptions(rule, group), params });
  });
  return converted;
}

/** What `fromTorch` takes beside the states. */
export interface FromTorchOptions {
  /** The steps taken, for SGD, whose state in PyTorch does not tell. Default 1 where there is a momentum buffer, else 0. */
  readonly step?: number;
}

/**
 * A state of PyTorch's as this package has it, for `loadStateDict`. Groups and parameters go by their order.
 * @param like `stateDict()` of the optimizer that is to load it.
 * @throws OptimError ERR_STATE where it does not fit: other groups, an option or a slot that the rule lacks, options of
 * `like` that PyTorch lacks, other lengths.
 */
export function fromTorch(torch: TorchStateDict, like: StateDict, options: FromTorchOptions = {}): StateDict {
  const known = takeState(like, "'like', the state of the optimizer that is to load it,");
  const rule = ruleOf(known);
  const given = readStep(options);
  const { param_groups: groups, state: theirStates } = takeRecord(torch, "PyTorch's state, { state, param_groups },");
  if (!Array.isArray(groups) || typeof theirStates !== "object" || theirStates === null) {
    return refuse(`Expected { state, param_groups } of PyTorch, but it is ${show(torch)}.`);
  }
  if (groups.length !== known.paramGroups.length) {
    refuse(`Expected ${known.paramGroups.length} groups, but PyTorch's state has ${groups.length}.`);
  }
  const state: [string, ParameterStateDict][] = [];
  const paramGroups = known.paramGroups.map((group, g) => {
    const theirs = takeRecord(groups[g], `group ${g} of PyTorch's state`);
    const indices: unknown[] = Array.isArray(theirs.params) ? theirs.params : [];
    if (indices.length !== group.params.length) {
      refuse(`Expected group ${g} to have ${group.params.length} parameters, but PyTorch's has ${indices.length}.`);
    }
    group.params.forEach((name, i) => {
      const own = known.state[name] as ParameterStateDict;
      const index = indices[i];
      if (typeof index !== "number" && typeof index !== "string") {
        refuse(`Expected the parameters of group ${g} of PyTorch's state to be indices, but one is ${show(index)}.`);
      }
      const values =
        Object.hasOwn(theirStates, index as number) && (theirStates as TorchStateDict["state"])[index as number];
      state.push([name, values ? convertState(rule, name, values, own, given) : untouched(name, own)]);
    });
    const converted = { ...group, ...convertOptions(rule, theirs, group, g) };
    checkOptions(rule, converted, g);
    return converted;
  });
  return { ...known, paramGroups, state: Object.fromEntries(state) };
}

/** @throws OptimError ERR_OPTION. */
function readStep(options: unknown): number | undefined {
  if (typeof options !== "object" || options === null) {
    throw new OptimError("ERR_OPTION", `Expected the options of fromTorch to be { step }, but it is ${show(options)}.`);
  }
  const { step, ...others } = options as FromTorchOptions;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) {
    throw new OptimError("ERR_OPTION", `The function fromTorch has no option ${show(unknown)}; it has step.`);
  }
  return step === undefined ? undefined : takeStep(step, "the option 'step'");
}

function untouched(name: string, own: ParameterStateDict): ParameterStateDict {
  return own.step === 0
    ? own
    : refuse(
        `Expected PyTorch's state to have one of ${show(name)}, or none to be there yet, but ${own.step} steps are.`,
      );
}

function convertState(
  rule: TorchRule,
  name: string,
  values: unknown,
  own: ParameterStateDict,
  given: number | undefined,
): ParameterStateDict {
  const { step, ...theirs } = takeRecord(values, `PyTorch's state of ${show(name)}`);
  const known = typeAndLengthOf(own);
  // PyTorch's SGD has null for a buffer that is not there.
  const arrays = Object.entries(theirs).filter(([, values]) => values !== null && values !== undefined);
  const slots = arrays.map(([key, values]) => {
    const slot = Object.keys(rule.slots).find((own) => torchSlot(rule, own) === key);
    if (slot === undefined)
      refuse(`Expected PyTorch's state of ${show(name)} to have slots that the rule has, but it has '${key}'.`);
    return [slot, takeArray(values, known, `PyTorch's ${key} of ${show(name)}`)] as const;
  });
  const count = rule.counts ? step : (given ?? (slots.length > 0 ? 1 : 0));
  return { step: takeStep(count, `the step of ${show(name)}`), ...Object.fromEntries(slots) };
}

function convertOptions(
  rule: TorchRule,
  theirs: Readonly<Record<string, unknown>>,
  group: Readonly<Record<string, unknown>>,
  index: number,
): Record<string, unknown> {
  const converted: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(theirs)) {
    const names = Object.keys(rule.options).filter((name) => torchOption(rule, name).key === key);
    if (names.length === 0) {
      if (!ignored.has(key))
        refuse(`Expected group ${index} of PyTorch's state to have options that the rule has, but it has '${key}'.`);
      continue;
    }
    for (const name of names) {
      // A group whose rate is a function or a schedule keeps it.
      if (name === "lr" && !("lr" in group)) continue;
      const { at } = torchOption(rule, name);
      if (at !== undefined && !(Array.isArray(value) && value.length === names.length)) {
        refuse(`Expected ${key} of group ${index} to be ${names.length} numbers, but it is ${show(value)}.`);
      }
      const own: unknown = at === undefined ? value : (value as unknown[])[at];
      converted[name] = name === "lr" ? takeNumber(own, `the lr of group ${index}`) : own;
    }
  }
  return converted;
}
