import { type FloatArray, numberTypeOf } from "../../numbers/typed-array.ts";
import type { StateDict } from "../../state/state-dict.ts";
import { show, showList } from "../../values/show.ts";
import { convertedRule, rulesOf } from "./rules/all.ts";
import type { Run } from "./rules/rule.ts";
import {
  type ParameterStateDict,
  refuse,
  takeArray,
  takeNumber,
  takeState,
  takeStep,
  typeAndLengthOf,
  type Values,
} from "./values.ts";

/** A list of an optimizer's weights: the iterations, then arrays in the order of the variables, slot after slot. */
export type Weights = readonly (Values | number | bigint)[];

interface System {
  /** Its name in the tables of rules. */
  readonly key: "keras" | "tfjs";
  readonly name: string;
  /** Whether the learning rate follows the iterations, unless it is a schedule. */
  readonly hasRate: boolean;
}

const keras: System = { key: "keras", name: "Keras", hasRate: true };

const tfjs: System = { key: "tfjs", name: "TensorFlow.js", hasRate: false };

/** The runs of a state in a system; all groups must have the same. */
function runsOf(system: System, { rule, paramGroups }: StateDict): readonly Run[] {
  const make = convertedRule(system.key, rule);
  if (!make)
    return refuse(
      `Expected a state of ${rulesOf(system.key).join(", ")}, which ${system.name} has, but it is of ${show(rule)}.`,
    );
  const [first, ...others] = paramGroups.map((group) => {
    const runs = make(group);
    return typeof runs === "string" ? refuse(runs) : runs;
  });
  if (others.some((runs) => JSON.stringify(runs) !== JSON.stringify(first))) {
    refuse(`Expected all groups to have the same slots, because ${system.name} has no groups, but they differ.`);
  }
  return first ?? [];
}

/** The names of the parameters in the order of the system's variables. */
function orderOf({ paramGroups }: StateDict, order: readonly string[] | undefined): readonly string[] {
  const names = paramGroups.flatMap(({ params }) => params);
  if (order === undefined) return names;
  const known = new Set(names);
  if (
    !Array.isArray(order) ||
    order.length !== names.length ||
    new Set(order).size !== names.length ||
    !order.every((name) => known.has(name))
  ) {
    refuse(`Expected the order to name each of the ${names.length} parameters once, but it does not.`);
  }
  return order;
}

function toWeights(system: System, whole: StateDict, given: readonly string[] | undefined): (FloatArray | number)[] {
  const state = takeState(whole, "the state");
  const runs = runsOf(system, state);
  const order = orderOf(state, given);
  const states = order.map((name) => state.state[name] as ParameterStateDict);
  const step = states[0]?.step ?? 0;
  const other = states.findIndex((found) => found.step !== step);
  if (other >= 0) {
    refuse(
      `Expected all parameters to have taken the same number of steps, as in ${system.name}, but ${show(order[0])} took ${step} and ${show(order[other])} ${states[other]?.step}.`,
    );
  }
  const rates = new Set(
    state.paramGroups.filter((group) => "lr" in group).map(({ lr }) => takeNumber(lr, "the lr of the state")),
  );
  if (system.hasRate && rates.size > 1)
    refuse(
      `Expected all groups to have one learning rate, as in ${system.name}, but they have ${showList([...rates])}.`,
    );
  const arrays = runs.flatMap(({ slot, negated, optional }) =>
    states.map((found, i) => {
      const array = found[slot];
      if (numberTypeOf(array)) return negated ? (array as FloatArray).map((value) => -value) : (array as FloatArray);
      const { type, length = 0 } = typeAndLengthOf(found);
      if (!optional) refuse(`Expected the state of ${show(order[i])} to have '${slot}', but it has not.`);
      return type === "float64" ? new Float64Array(length) : new Float32Array(length);
    }),
  );
  return [step, ...(system.hasRate ? rates : []), ...arrays];
}

function fromWeights(
  system: System,
  weights: Weights,
  target: StateDict,
  given: readonly string[] | undefined,
): StateDict {
  const like = takeState(target, "'like', the state of the optimizer that is to load it,");
  const runs = runsOf(system, like);
  const order = orderOf(like, given);
  const arrays = runs.length * order.length;
  const leading = Array.isArray(weights) ? weights.length - arrays : 0;
  if (leading !== 1 && !(system.hasRate && leading === 2)) {
    refuse(
      `Expected the iterations${system.hasRate ? ", the learning rate" : ""} and ${arrays} arrays, but ` +
        `${Array.isArray(weights) ? `there are ${weights.length} weights` : `it is ${show(weights)}`}.`,
    );
  }
  const step = takeStep(weights[0], "the iterations");
  const rate = leading === 2 ? takeNumber(weights[1], "the learning rate") : undefined;
  const state = order.map((name, i) => {
    const own = like.state[name] as ParameterStateDict;
    const slots = runs.map(({ slot, negated, optional }, r) => {
      const what = `${system.name}'s ${slot} of ${show(name)}`;
      const array = takeArray(weights[leading + r * order.length + i], typeAndLengthOf(own), what);
      return optional && !(slot in own) ? [] : [slot, negated ? array.map((value) => -value) : array];
    });
    return [name, { step, ...Object.fromEntries(slots.filter(({ length }) => length > 0)) }] as const;
  });
  // A group whose rate is a function or a schedule keeps it.
  const paramGroups = like.paramGroups.map((group) =>
    rate !== undefined && "lr" in group ? { ...group, lr: rate } : group,
  );
  return { ...like, paramGroups, state: Object.fromEntries(state) };
}

/**
 * A state as Keras 3 lists it in `optimizer.variables`: iterations, learning rate, velocities, momentums if there is
 * momentum, average gradients if it is centered; for SGD momentums, for Adagrad accumulators. A learning rate that is a
 * function or a schedule is left out, as Keras does. The arrays are flat.
 * @param order The names of the parameters in the order of Keras's variables. Default that of the groups.
 * @throws OptimError ERR_STATE where Keras cannot have it: steps or learning rates that differ, a momentum buffer without
 * the learning rate in it.
 */
export function toKeras(state: StateDict, order?: readonly string[]): (FloatArray | number)[] {
  return toWeights(keras, state, order);
}

/**
 * The state that Keras 3 lists in `optimizer.variables`, for `loadStateDict`.
 * @param like `stateDict()` of the optimizer that is to load it; its options tell which slots there are.
 * @param order As for `toKeras`.
 * @throws OptimError ERR_STATE where it does not fit.
 */
export function fromKeras(weights: Weights, like: StateDict, order?: readonly string[]): StateDict {
  return fromWeights(keras, weights, like, order);
}

/**
 * A state as TensorFlow.js's `optimizer.getWeights()` lists it, tensors as flat arrays: iterations, mean squares, momentums
 * (always), mean gradients if it is centered; for its momentum optimizer momentums, for Adagrad accumulators, for Adadelta
 * accumulated squares of gradients and then of updates, for Adam first and then second moments.
 * @param order The names of the parameters in the order of its variables. Default that of the groups.
 * @throws OptimError ERR_STATE where TensorFlow.js cannot have it.
 */
export function toTfjs(state: StateDict, order?: readonly string[]): (FloatArray | number)[] {
  return toWeights(tfjs, state, order);
}

/**
 * The state that TensorFlow.js's `optimizer.getWeights()` lists, tensors as arrays, for `loadStateDict`.
 * @param like `stateDict()` of the optimizer that is to load it; its options tell which slots there are.
 * @param order As for `toTfjs`.
 * @throws OptimError ERR_STATE where it does not fit.
 */
export function fromTfjs(weights: Weights, like: StateDict, order?: readonly string[]): StateDict {
  return fromWeights(tfjs, weights, like, order);
}
