import { OptimError } from "../../errors.ts";
import { isStageSlot, stageOptions } from "../../options/stages.ts";
import type { StateDict } from "../../state/state-dict.ts";
import { show } from "../../values/show.ts";
import { ownName, torchName } from "../names.ts";
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

interface TorchRule {
  /** Its state, in our names. */
  readonly slots: readonly string[];
  /** Whether it counts steps. */
  readonly counts: boolean;
  /** Its options, in our names; their names in PyTorch where that is not the same in its spelling. */
  readonly options: Readonly<Record<string, string | true>>;
  /** What it has beside them, which says how it runs and not what it computes. */
  readonly others: Readonly<Record<string, unknown>>;
  /** Presets after systems whose state means something else, though no other option tells. */
  readonly otherPresets?: readonly string[];
}

const common = { lr: true, weightDecay: true, maximize: true } as const;
const running = { foreach: null, differentiable: false };

const torchRules: Readonly<Record<string, TorchRule>> = {
  rmsprop: {
    slots: ["squareAvg", "gradAvg", "momentumBuffer"],
    counts: true,
    options: { ...common, alpha: true, eps: true, momentum: true, centered: true },
    others: { ...running, capturable: false },
  },
  sgd: {
    slots: ["momentumBuffer"],
    counts: false,
    options: { ...common, momentum: true, dampening: true, nesterov: true },
    others: { ...running, fused: null },
    otherPresets: ["keras"], // its buffer has the learning rate in it
  },
  adagrad: {
    slots: ["sum"],
    counts: true,
    options: { ...common, lrDecay: true, eps: true, initialAccumulator: "initial_accumulator_value" },
    others: { ...running, fused: null },
  },
  rprop: {
    slots: ["prev", "stepSize"],
    counts: true,
    options: { lr: true, maximize: true, etas: true, stepSizes: true },
    others: { ...running, capturable: false },
    otherPresets: ["optax"], // its update is that of the step before
  },
};

/** Names in PyTorch's groups that say nothing of what is computed, whatever the optimizer. */
const ignored = new Set(["params", "foreach", "differentiable", "capturable", "fused", "initial_lr"]);

/** Options of ours that PyTorch lacks and that say nothing of a state that is there, or matter with others alone. */
const harmless: Readonly<Record<string, (group: Readonly<Record<string, unknown>>) => boolean>> = {
  params: () => true,
  preset: () => true, // what it stands for is in the other options
  schedule: () => true, // PyTorch keeps it apart
  initialSquareAvg: () => true,
  initialAccumulator: () => true,
  lrInMomentum: ({ momentum }) => !momentum,
  decoupledWeightDecay: ({ weightDecay }) => !weightDecay,
};

function ruleOf({ rule }: StateDict): TorchRule {
  const found = Object.hasOwn(torchRules, rule) ? torchRules[rule] : undefined;
  return found ?? refuse(`Expected a state of ${Object.keys(torchRules).join(", ")}, but it is of ${show(rule)}.`);
}

/** @throws OptimError ERR_STATE where an option would have PyTorch's optimizer compute something else. */
function checkOptions(rule: TorchRule, group: Readonly<Record<string, unknown>>, index: number): void {
  const { preset } = group;
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

const torchOption = (rule: TorchRule, name: string) => {
  const other = rule.options[name];
  return typeof other === "string" ? other : torchName(name);
};

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
    const options = Object.keys(rule.options).filter((name) => group[name] !== undefined);
    const params = group.params.map((name) => {
      const { step, accumulated: _accumulated, averaged: _averaged, ...all } = state.state[name] as ParameterStateDict;
      const arrays = Object.fromEntries(Object.entries(all).filter(([slot]) => !isStageSlot(slot)));
      const lacking = Object.keys(arrays).find((slot) => !rule.slots.includes(slot));
      if (lacking) refuse(`Expected the state of ${show(name)} to have what PyTorch has, but it has '${lacking}'.`);
      const entries = Object.entries(arrays).map(([slot, array]) => [torchName(slot), array] as const);
      // PyTorch has no state of parameters before their first step.
      if (step > 0 && (rule.counts || entries.length > 0)) {
        converted.state[index] = { ...(rule.counts ? { step } : {}), ...Object.fromEntries(entries) };
      }
      return index++;
    });
    const named = options.map((name) => [torchOption(rule, name), group[name]] as const);
    converted.param_groups.push({ ...rule.others, ...Object.fromEntries(named), params });
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
    const slot = ownName(key);
    if (!rule.slots.includes(slot))
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
  const own = new Map(Object.keys(rule.options).map((name) => [torchOption(rule, name), name]));
  const converted: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(theirs)) {
    const name = own.get(key);
    if (name === undefined) {
      if (!ignored.has(key))
        refuse(`Expected group ${index} of PyTorch's state to have options that the rule has, but it has '${key}'.`);
      continue;
    }
    // A group whose rate is a function or a schedule keeps it.
    if (name === "lr" && !("lr" in group)) continue;
    converted[name] = name === "lr" ? takeNumber(value, `the lr of group ${index}`) : value;
  }
  return converted;
}
