// A random walk over the whole interface, beside a model of it: what each call must answer and what it must leave. After
// every call all arrays and all state are compared with the model's, so that a refusal that changes anything shows too.
import { allocate, backend, RMSprop } from "../../../lib/index.ts";
import type { FloatArray } from "../../../lib/numbers/typed-array.ts";
import { setBatch } from "./made.ts";
import { forget, makeMemory, takeMemory, writeGradients } from "./memory.ts";
import { load, save } from "./saves.ts";
import { same, type Trainee, WalkState } from "./state.ts";
import { drop, flush, step, stepAsync, stepWith, swapEma, zeroGrad } from "./steps.ts";
import { addGroup, assign, construct, dispose, freeze, remove, setOption } from "./trainees.ts";

/** Calls that change an optimizer, those made often more than once. */
const changes = [step, step, stepWith, stepWith, freeze, zeroGrad, save, load, flush];
const rareChanges = [setBatch, setBatch, assign, remove, addGroup, dispose, drop, swapEma, swapEma];

const badCalls: readonly (readonly [name: string, code: string, action: () => unknown])[] = [
  ["allocate no shape", "ERR_LENGTH", () => allocate({ x: [-1] })],
  ["allocate nothing", "ERR_LENGTH", () => allocate(null as never)],
  ["allocate too much", "ERR_MEMORY", () => allocate({ x: [2 ** 52] })],
  ["allocate with an option there is not", "ERR_OPTION", () => allocate({ x: [1] }, { type: "float32" } as never)],
  ["construct over nothing", "ERR_DTYPE", () => new RMSprop(null as never)],
  ["construct over what is no parameter", "ERR_DTYPE", () => new RMSprop([5 as never])],
  ["set no number of threads", "ERR_OPTION", () => backend.setThreads(0)],
];

export class Walk {
  readonly #state: WalkState;

  constructor(seed: number) {
    this.#state = new WalkState(seed);
  }

  /** How often each call was made, and refused. */
  get counts(): WalkState["counts"] {
    return this.#state.counts;
  }
  /** How many steps did what beside the rule. */
  get events(): WalkState["events"] {
    return this.#state.events;
  }

  /** Makes one call, or a step off the event loop with some beside it, and compares everything with the model. */
  async take(): Promise<void> {
    const walk = this.#state;
    const alive = walk.trainees.filter(({ disposed }) => !disposed);
    const trainee = walk.one(walk.chance(0.03) ? walk.trainees : alive);
    const kind = walk.uniform();
    if (kind < 0.02 || walk.parameters.length < 4) makeMemory(walk);
    else if (kind < 0.025) takeMemory(walk);
    else if (kind < 0.045) walk.call(...(walk.one(badCalls) as (typeof badCalls)[number]));
    else if (kind < 0.05) backend.setThreads(1 + walk.pick(4));
    else if (!trainee || (kind < 0.08 && alive.length < 4)) construct(walk);
    else if (kind < 0.2) writeGradients(walk);
    else if (kind < 0.3) setOption(walk, trainee);
    else if (kind < 0.4) await stepAsync(walk, trainee, () => this.#change(trainee));
    else this.#change(trainee);
    if (walk.parameters.length > 24) forget(walk);
    if (walk.trainees.length > 8) walk.trainees = alive;
    this.#compare();
  }

  #change(trainee: Trainee): void {
    const walk = this.#state;
    // What has its averages in the place of its parameters refuses most calls until they are exchanged again.
    if (trainee.swapped && walk.chance(0.3)) swapEma(walk, trainee);
    else walk.one(walk.chance(0.08) ? rareChanges : changes)?.(walk, trainee);
  }

  #compare(): void {
    for (const { name, data, grad, expected, expectedGrad, source, made } of this.#state.parameters) {
      if (!source.alive) continue;
      if (!same(data, expected.data)) throw new Error(`the data of ${name}, ${source.kind}, is not what it should be`);
      if (!same(grad, expectedGrad)) throw new Error(`the gradient of ${name}, ${source.kind}, is not what it was`);
      for (const part of made?.parts ?? []) {
        if (!same(part.found, part.expected)) throw new Error(`a part of the gradient of ${name} is not what it was`);
      }
    }
    for (const trainee of this.#state.trainees) if (!trainee.disposed) compareState(trainee);
  }
}

function compareState({ optimizer, entries, stages }: Trainee): void {
  if (optimizer.lossScale !== stages.lossScale) {
    throw new Error(`lossScale: expected ${stages.lossScale}, found ${optimizer.lossScale}`);
  }
  for (const [name, { model }] of entries) {
    const { step, accumulated, averaged, ema, ...slots } = optimizer.state(name);
    const { expected, waiting, sum } = model;
    if (step !== expected.step) throw new Error(`the step of ${name}: expected ${expected.step}, found ${step}`);
    if (accumulated !== undefined && accumulated !== waiting) {
      throw new Error(`the calls that ${name} accumulated: expected ${waiting}, found ${accumulated}`);
    }
    const wanted: Record<string, FloatArray | undefined> = { ...expected.slots };
    if (accumulated !== undefined) wanted.gradAccumulator = sum;
    for (const [slot, array] of Object.entries(wanted)) {
      const own = slots[slot] as FloatArray | undefined;
      if (!own || !array || !same(own, array)) throw new Error(`the ${slot} of ${name} is not what it should be`);
    }
    const average = model.ema;
    if ((averaged ?? 0) !== model.averaged) {
      throw new Error(`the steps that the average of ${name} took in: expected ${model.averaged}, found ${averaged}`);
    }
    if (average && ema && !same(ema as FloatArray, average)) {
      throw new Error(`the average of ${name} is not what it should be`);
    }
    if ((ema === undefined) !== (average === undefined)) {
      throw new Error(`the average of ${name}: expected ${average ? "one" : "none"}, found ${ema ? "one" : "none"}`);
    }
  }
}
