// A step over TensorFlow.js's variables by an optimizer of ours.

import type { FloatArray, Optimizer, StateDict, StepInfo } from "../api.ts";
import { OptimError } from "../errors.ts";
import type { LearningRate } from "../schedules/learning-rate.ts";
import { show } from "../values/show.ts";
import { isRecord } from "../values/values.ts";
import { accessOf, type Output } from "./access.ts";
import type { Kind, WeightRun } from "./kinds.ts";
import { inTheirNames } from "./names.ts";
import { type TakenOptions, takeOptions } from "./options.ts";
import { prepare, stepOver } from "./stepped.ts";
import type { NamedTensor, NamedTensorMap, Tensor, TensorFlow } from "./tensorflow.ts";
import { type Given, takeGradients, Variables } from "./variables.ts";
import { type Arrays, matchWeights, type Pending, takeWeights, WeightTensors } from "./weights.ts";

/** The learning rate of a step. */
export function rateOf(learningRate: LearningRate, step: number): number {
  if (typeof learningRate === "number") return learningRate;
  return typeof learningRate === "function" ? learningRate(step) : learningRate.rate(step);
}

/** An optimizer of ours over the variables that it comes to know by their gradients. */
export class Training {
  readonly kind: Kind;
  readonly options: TakenOptions;
  readonly #tf: TensorFlow;
  readonly #core: Optimizer;
  readonly #variables = new Variables();
  readonly #weights: WeightTensors;
  /** Options that were set since it was made, which groups of later variables take too. */
  readonly #changed: Record<string, unknown> = {};
  #pending: Pending | undefined;
  #pendingState: StateDict | undefined;
  /** Whether the averages are in the variables' place. */
  #swapped = false;

  constructor(tf: TensorFlow, kind: Kind, given: readonly unknown[]) {
    this.#tf = tf;
    this.kind = kind;
    this.options = takeOptions(tf, kind, given);
    this.#weights = new WeightTensors(tf);
    const { core, learningRate } = this.options;
    this.#core = inTheirNames(kind, () => new kind.optimizer([], { ...core, lr: learningRate }));
  }

  get lastStep(): StepInfo | undefined {
    return this.#core.lastStep;
  }

  /**
   * The learning rate of the coming step. A call that only accumulates gradients, or is skipped, is an iteration and no
   * step.
   */
  rate(iterations: number): number {
    const waits = this.#pending !== undefined || this.#pendingState !== undefined;
    const steps = this.#variables.all.map(({ name }) => this.#core.state(name).step as number);
    const learningRate = (this.#changed.lr ?? this.options.learningRate) as LearningRate;
    return rateOf(learningRate, 1 + (waits ? Math.floor(iterations / this.#calls) : Math.max(0, ...steps)));
  }

  /** The calls that a step takes: an iteration is a call. */
  get #calls(): number {
    return Number(this.options.core.gradientAccumulationSteps ?? 1);
  }

  /** An option's value now, by its name in ours. */
  optionOf(name: string): unknown {
    return this.#changed[name] ?? this.options.core[name];
  }

  /** Sets an option of ours from the next step on. */
  set(name: string, value: unknown): void {
    const { paramGroups } = this.#core;
    inTheirNames(this.kind, () => {
      // Without variables there is no group yet that could refuse the value.
      if (paramGroups.length === 0) new this.kind.optimizer([], { ...this.options.core, [name]: value }).dispose();
      for (const group of paramGroups) (group as Record<string, unknown>)[name] = value;
    });
    this.#changed[name] = value;
  }

  /**
   * Steps variables by their gradients.
   * @throws OptimError; nothing is changed then, and no tensor is left.
   */
  step(gradients: NamedTensorMap | NamedTensor[]): void {
    const given = takeGradients(this.#tf, gradients);
    this.#refuseSwapped();
    const access = accessOf(this.#tf);
    this.#learn(given);
    this.#load();
    const made: Tensor[] = [];
    const outputs: Output[] = [];
    try {
      const stepped = prepare(this.#tf, access, this.options.write, given, made, outputs);
      const isApplied = inTheirNames(this.kind, () => stepOver(this.#core, access, stepped));
      if (!isApplied) return;
      outputs.length = 0;
      for (const { variable, output } of stepped) {
        if (!output) {
          access.written(variable);
          continue;
        }
        const tensor = output.tensor();
        variable.assign(tensor);
        tensor.dispose();
      }
    } finally {
      for (const tensor of made) tensor.dispose();
      for (const output of outputs) output.dispose();
    }
  }

  /** Takes in variables that it does not know, and lets go of those that are no more. */
  #learn(given: readonly Given[]): void {
    const found = this.#variables.newAmong(given);
    if (found.length === 0) return;
    const added = [...new Set(found)];
    const gone = new Set([...this.#variables.goneFrom(this.#tf), ...added.map(({ name }) => name)]);
    const leaving = [...gone].filter((name) => this.#variables.has(name));
    this.#forget(leaving);
    const params = added.map(({ name, shape }) => ({ name, data: null, shape }));
    this.#core.addParamGroup({ ...this.#changed, params });
    this.#variables.add(added);
  }

  #forget(names: readonly string[]): void {
    this.#core.remove(...names);
    this.#variables.remove(names);
  }

  /** Gives the variables the state that waits for them. */
  #load(): void {
    if (this.#pendingState) this.#loadState(this.#pendingState);
    if (!this.#pending) return;
    const known = this.#variables.all;
    const { given, rest } =
      this.#runs.length === 0
        ? { given: known.map((variable) => [variable, {}] as const), rest: [] }
        : matchWeights(this.#pending, known);
    if (given.length === 0) return;
    const state = this.#core.stateDict();
    for (const [{ name }, arrays] of given) {
      const step = Math.floor(this.#pending.iterations / this.#calls);
      state.state[name] = { step, ...this.#slotsOf(name, arrays) };
    }
    this.#core.loadStateDict(state);
    this.#pending = rest.length > 0 ? { ...this.#pending, waiting: rest, isPart: true } : undefined;
  }

  /** Those of a variable's weights that ours keeps. */
  #slotsOf(name: string, arrays: Arrays): Record<string, Float32Array> {
    const kept = this.#core.state(name);
    const slots = this.#runs.filter(({ slot }) => slot in kept);
    return Object.fromEntries(slots.map(({ slot, suffix }) => [slot, arrays[suffix] as Float32Array]));
  }

  get #runs(): readonly WeightRun[] {
    const { config } = this.options;
    return this.kind.runs.filter(({ isThere }) => isThere?.(config) ?? true);
  }

  weights(iterations: number): NamedTensor[] {
    this.#refuseSwapped();
    const { waiting, isPart } = this.#pending ?? { waiting: [], isPart: true };
    const known = isPart ? this.#variables.all : [];
    const iter = this.#weights.named("iter", Int32Array.of(iterations), []);
    const weights = this.#runs.flatMap(({ slot, suffix }) => [
      ...known.map(({ name, size, shape }) => {
        const array = (this.#core.state(name)[slot] ?? new Float32Array(size)) as Float32Array;
        return this.#weights.named(`${name}/${suffix}`, array, shape);
      }),
      ...waiting.map(({ name, arrays, shapes }) =>
        this.#weights.named(`${name}/${suffix}`, arrays[suffix] as Float32Array, shapes[suffix] ?? []),
      ),
    ]);
    return [iter, ...weights];
  }

  /** @returns The iterations. */
  async setWeights(weights: readonly NamedTensor[]): Promise<number> {
    const pending = await takeWeights(weights, this.#runs);
    if (this.#runs.length > 0 && pending.waiting.length === 0) {
      // Those of an optimizer that has not stepped: this one begins anew.
      this.#forget(this.#variables.all.map(({ name }) => name));
      this.#pending = undefined;
    } else {
      this.#pending = pending;
    }
    return pending.iterations;
  }

  stateDict(): StateDict {
    this.#refuseSwapped();
    return this.#pendingState ?? this.#core.stateDict();
  }

  /** @returns The iterations. */
  loadStateDict(state: StateDict): number {
    this.#refuseSwapped();
    const { rule } = this.kind.definition;
    if (!isRecord(state) || !isRecord(state.state) || !Array.isArray(state.paramGroups) || state.rule !== rule.name) {
      throw new OptimError(
        "ERR_STATE",
        `Expected a state of the rule ${rule.name}, as stateDict() gives it, but it is ` +
          `${isRecord(state) && "rule" in state ? `of ${show(state.rule)}` : show(state)}.`,
      );
    }
    if (this.#variables.all.length > 0) this.#loadState(state);
    else this.#pendingState = state;
    this.#followOptions(state.paramGroups[0] ?? {});
    return this.#calls * Math.max(0, ...Object.values(state.state).map(({ step }) => step));
  }

  /** Takes the options of a loaded state that can be set. */
  #followOptions(options: Readonly<Record<string, unknown>>): void {
    for (const name of ["lr", "momentum"]) {
      if (typeof options[name] === "number") this.#changed[name] = options[name];
    }
  }

  #loadState(state: StateDict): void {
    for (const { name } of this.#variables.all) {
      if (Object.hasOwn(state.state, name)) continue;
      throw new OptimError("ERR_STATE", `Expected the state to have an entry for '${name}', but it has none.`);
    }
    const own = this.#core.stateDict();
    const saved = (names: readonly string[]) =>
      state.paramGroups.find(({ params }) => names.every((name) => params.includes(name)));
    // The groups are those that the variables came in, whatever they were where the state is from.
    const paramGroups = own.paramGroups.map((group) => ({ ...group, ...saved(group.params), params: group.params }));
    const names = this.#variables.all.map(({ name }) => name);
    const states = Object.fromEntries(names.map((name) => [name, state.state[name] as StateDict["state"][string]]));
    this.#core.loadStateDict({ ...own, paramGroups, state: states });
    this.#pendingState = undefined;
  }

  /** Exchanges variables with the averages of their weights. */
  swapEma(): void {
    if (!this.options.core.ema) {
      throw new OptimError(
        "ERR_OPTION",
        "Expected the option 'ema' to exchange weights with averages, but it is not given.",
      );
    }
    const tf = this.#tf;
    const gone = this.#variables.goneFrom(tf);
    for (const variable of this.#variables.all) {
      if (gone.includes(variable.name)) continue;
      const { ema } = this.#core.state(variable.name) as { readonly ema?: FloatArray };
      if (!ema) continue;
      const before = (variable.dataSync() as Float32Array).slice();
      const tensor = tf.tensor(Float32Array.from(ema), [...variable.shape], "float32");
      variable.assign(tensor as never);
      tensor.dispose();
      ema.set(before);
    }
    this.#swapped = !this.#swapped;
  }

  #refuseSwapped(): void {
    if (!this.#swapped) return;
    throw new OptimError(
      "ERR_STATE",
      "Expected the variables to be in their place, but swapEma() has put averages there: call it again first.",
    );
  }

  dispose(): void {
    this.#weights.dispose();
    this.#core.dispose();
  }
}
