// Classes that TensorFlow.js takes for its own, one set for each copy of it.
import type { StateDict, StepInfo } from "../api.ts";
import type { LearningRate } from "../schedules/learning-rate.ts";
import { type Kind, type KindName, kinds } from "./kinds.ts";
import { configOf } from "./options.ts";
import type { ConfigDict, NamedTensor, NamedTensorMap, TensorFlow } from "./tensorflow.ts";
import { Training } from "./training.ts";

type Base = InstanceType<TensorFlow["Optimizer"]>;

/** An optimizer for TensorFlow.js: a `tf.Optimizer`, stepped by ours. */
export interface TfOptimizer extends Base {
  /** The learning rate of the coming step. A number, a function of the step or a schedule may be assigned. */
  get learningRate(): number;
  set learningRate(value: LearningRate);
  /** The same as assigning `learningRate`. */
  setLearningRate(learningRate: LearningRate): void;
  /** What the last `applyGradients` did; undefined before the first. */
  readonly lastStep: StepInfo | undefined;
  /**
   * Exchanges the variables with the averages of their weights (option `ema`), for evaluation; a second call exchanges
   * them back. In between steps are refused, and so are weights.
   * @throws OptimError ERR_OPTION without the option.
   */
  swapEma(): void;
  /**
   * The whole state by the variables' names, averages and accumulated gradients too, as `stateDict()` of an optimizer of
   * `rmsprop` gives it, for a checkpoint.
   * @throws OptimError ERR_STATE while averages are in the variables' place.
   */
  stateDict(): StateDict;
  /**
   * Takes such a state: at once, or, where no variable is known yet, with the first step.
   * @throws OptimError ERR_STATE where it does not fit.
   */
  loadStateDict(state: StateDict): void;
}

/** TensorFlow.js's momentum optimizer, stepped by ours. */
export interface TfMomentumOptimizer extends TfOptimizer {
  /** Sets the momentum from the next step on. */
  setMomentum(momentum: number): void;
}

type TfClass = new (...given: readonly unknown[]) => TfMomentumOptimizer;

function classOf(tf: TensorFlow, kind: Kind): TfClass {
  class Bridged extends tf.Optimizer {
    readonly #training: Training;

    constructor(...given: readonly unknown[]) {
      super();
      this.#training = new Training(tf, kind, given);
    }

    static get className(): string {
      return kind.name;
    }

    static override fromConfig(cls: unknown, { customObjects: _, ...config }: ConfigDict): never {
      return new (cls as TfClass)(config) as never;
    }

    get learningRate(): number {
      return this.#training.rate(this.iterations);
    }

    set learningRate(value: LearningRate) {
      this.#training.set("lr", value);
    }

    setLearningRate(learningRate: LearningRate): void {
      this.#training.set("lr", learningRate);
    }

    setMomentum(momentum: number): void {
      this.#training.set("momentum", momentum);
    }

    get lastStep(): StepInfo | undefined {
      return this.#training.lastStep;
    }

    override applyGradients(gradients: NamedTensorMap | NamedTensor[]): void {
      this.#training.step(gradients);
      this.incrementIterations();
    }

    swapEma(): void {
      this.#training.swapEma();
    }

    stateDict(): StateDict {
      return this.#training.stateDict();
    }

    loadStateDict(state: StateDict): void {
      this.iterations_ = this.#training.loadStateDict(state);
    }

    override async getWeights(): Promise<NamedTensor[]> {
      return this.#training.weights(this.iterations);
    }

    override async setWeights(weights: NamedTensor[]): Promise<void> {
      this.iterations_ = await this.#training.setWeights(weights);
    }

    override getConfig(): ConfigDict {
      const { config } = this.#training.options;
      const momentum = this.#training.optionOf("momentum");
      return configOf(kind, momentum === undefined ? config : { ...config, momentum }, this.learningRate);
    }

    override dispose(): void {
      this.#training.dispose();
    }
  }
  return Bridged as unknown as TfClass;
}

type Classes = Readonly<Record<KindName, TfClass>>;

const made = new WeakMap<object, Classes>();

/** The classes for a copy of TensorFlow.js, made once. */
export function classesFor(tf: TensorFlow): Classes {
  const found = made.get(tf.Optimizer);
  if (found) return found;
  const entries = Object.entries(kinds).map(([name, kind]) => [name, classOf(tf, kind)]);
  const classes = Object.fromEntries(entries) as Classes;
  made.set(tf.Optimizer, classes);
  return classes;
}
