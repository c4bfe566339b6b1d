// A random walk over the whole interface, beside a model of it: what each call must answer and what it must leave. After
// every call all arrays and all state are compared with the model's, so that a refusal that changes anything shows too.
import { allocate, backend, OptimError, RMSprop, type RMSpropOptions, type StateDict } from "../../lib/index.ts";
import type { FloatArray, NumberType } from "../../lib/typed-array.ts";
import { arrayType } from "./arena.ts";
import { growable, type OwnParameter, resizable } from "./arrays.ts";
import { uniformFrom } from "./cases.ts";
import { Expected } from "./steps.ts";

/** An array with what it must hold; its memory may have gone. */
interface Tracked extends OwnParameter {
  readonly expectedGrad: FloatArray;
  readonly expected: { data: FloatArray };
  readonly source: Source;
}

/** Memory that several arrays may share. */
interface Source {
  readonly kind: keyof typeof kinds;
  /** Whether a step off the event loop may work on it. */
  readonly stays: boolean;
  alive: boolean;
  /** Steps off the event loop that work on it. */
  inFlight: number;
  readonly take: () => void;
}

/** Whether a step off the event loop may work on memory of each kind. */
const kinds = {
  allocated: true,
  shared: true,
  growable: true,
  heap: false,
  resizable: false,
  wasm: false,
};

interface Entry {
  readonly parameter: Tracked;
  readonly model: Expected;
  readonly group: number;
  frozen: boolean;
}

interface Saved {
  readonly state: StateDict;
  readonly groups: readonly RMSpropOptions[];
  readonly models: ReadonlyMap<string, { group: number; step: number; slots: Record<string, FloatArray> }>;
}

interface Trainee {
  readonly optimizer: RMSprop;
  /** The constructor's options, which groups that come later begin with. */
  readonly base: RMSpropOptions;
  readonly entries: Map<string, Entry>;
  readonly groups: RMSpropOptions[];
  saved: Saved | undefined;
  disposed: boolean;
  pending: boolean;
}

const same = (a: FloatArray, b: FloatArray) =>
  a.length === b.length &&
  Buffer.compare(
    Buffer.from(a.buffer, a.byteOffset, a.byteLength),
    Buffer.from(b.buffer, b.byteOffset, b.byteLength),
  ) === 0;

const goodChanges: readonly RMSpropOptions[] = [
  ...[{ lr: 0.02 }, { lr: (step: number) => 0.05 / step }, { momentum: 0.9 }, { momentum: 0.5 }, { centered: true }],
  ...[{ centered: false }, { weightDecay: 0.1 }, { weightDecay: 0 }, { maximize: true }, { alpha: 0.5 }, { eps: 1e-3 }],
];
const badChanges: readonly Record<string, unknown>[] = [
  ...[
    { lr: -1 },
    { lr: Number.NaN },
    { alpha: 2 },
    { eps: "1" },
    { centered: 1 },
    { momentum: Number.POSITIVE_INFINITY },
  ],
  ...[{ learningRate: 1 }, { preset: "torch" }, { params: [] }, { maximize: null }, { weightDecay: -0.1 }],
];
const optionChoices: readonly RMSpropOptions[] = [
  {},
  { momentum: 0.9, nesterov: true, lr: 0.1 },
  { centered: true, alpha: 0.9, weightDecay: 0.1 },
  { lr: (step) => 0.1 / step, momentum: 0.5, lrInMomentum: true, epsInSqrt: true },
  { weightDecay: 0.1, decoupledWeightDecay: true, maximize: true, initialSquareAvg: 1 },
];

export class Walk {
  readonly #uniform: () => number;
  readonly #parameters: Tracked[] = [];
  readonly #trainees: Trainee[] = [];
  #names = 0;
  /** How often each call was made, and refused. */
  readonly counts: Record<string, [calls: number, refusals: number]> = {};

  constructor(seed: number) {
    this.#uniform = uniformFrom(seed);
  }

  #pick(count: number): number {
    return Math.floor(this.#uniform() * count);
  }
  #one<T>(list: readonly T[]): T | undefined {
    return list[this.#pick(list.length)];
  }
  #chance(share: number): boolean {
    return this.#uniform() < share;
  }

  #count(name: string, refused: boolean): void {
    this.counts[name] ??= [0, 0];
    this.counts[name][0]++;
    if (refused) this.counts[name][1]++;
  }

  /** Makes a call that must be refused with a code, or, where that is undefined, must not. */
  #call<T>(name: string, code: string | undefined, action: () => T): T | undefined {
    let found: OptimError | undefined;
    let result: T | undefined;
    try {
      result = action();
    } catch (error) {
      if (!(error instanceof OptimError)) throw error;
      found = error;
    }
    this.#count(name, found !== undefined);
    if (found?.code !== code) {
      throw new Error(
        `${name}: expected ${code ?? "no refusal"}, found ${found ? `${found.code}: ${found.message}` : "none"}`,
      );
    }
    return result;
  }

  #fill(array: FloatArray): void {
    for (let i = 0; i < array.length; i++) array[i] = 4 * this.#uniform() - 2;
  }

  #track(name: string, data: FloatArray, grad: FloatArray, source: Source): void {
    this.#fill(data);
    this.#fill(grad);
    const [expectedGrad, expected] = [grad.slice(), { data: data.slice() }];
    this.#parameters.push({ name, data, grad, expectedGrad, expected, source });
  }

  // ---- Memory ----

  #makeMemory(): void {
    const kind = this.#one(this.#chance(0.5) ? ["allocated", "shared"] : Object.keys(kinds)) as Source["kind"];
    const type: NumberType = this.#chance(0.5) ? "float32" : "float64";
    const lengths = Array.from({ length: 1 + this.#pick(3) }, () => this.#pick(this.#chance(0.003) ? 1100 : 12));
    const source = (take: () => void): Source => ({ kind, stays: kinds[kind], alive: true, inFlight: 0, take });
    if (kind === "allocated" || kind === "shared") {
      const shapes = Object.fromEntries(lengths.map((length) => [`p${this.#names++}`, [length]]));
      const model = this.#call("allocate", undefined, () =>
        allocate(shapes, { dtype: type as "float64", shared: kind === "shared" }),
      ) as ReturnType<typeof allocate>;
      const from = source(() => model.dispose());
      for (const { name, data, grad } of model.parameters) this.#track(name, data, grad as FloatArray, from);
      return;
    }
    const ArrayType = arrayType(type);
    const bytes = ArrayType.BYTES_PER_ELEMENT * lengths.reduce((sum, length) => sum + 2 * length, 0);
    let buffer: ArrayBufferLike;
    let take: () => void;
    if (kind === "heap") {
      const own = new ArrayBuffer(bytes);
      buffer = own;
      take = () => structuredClone(own, { transfer: [own] });
    } else if (kind === "resizable") {
      const own = resizable(bytes, 2 * bytes + 8);
      buffer = own;
      take = () => own.resize(0);
    } else if (kind === "growable") {
      const own = growable(bytes, 2 * bytes + 8);
      buffer = own;
      take = () => own.grow(2 * bytes + 8); // which takes nothing away
    } else {
      const own = new WebAssembly.Memory({ initial: 1 });
      buffer = own.buffer;
      take = () => own.grow(1);
    }
    const from = source(take);
    let offset = 0;
    const next = (length: number) => {
      const array = new ArrayType(buffer as ArrayBuffer, offset, length);
      offset += length * ArrayType.BYTES_PER_ELEMENT;
      return array;
    };
    for (const length of lengths) this.#track(`p${this.#names++}`, next(length), next(length), from);
  }

  #takeMemory(): void {
    const parameter = this.#one(this.#parameters);
    if (!parameter) return;
    const { source } = parameter;
    const own = source.kind === "allocated" || source.kind === "shared";
    const code = own && source.alive && source.inFlight > 0 ? "ERR_STEP_IN_FLIGHT" : undefined;
    if (!own && !source.alive) return;
    this.#call("take memory away", code, source.take);
    if (code === undefined && source.kind !== "growable") source.alive = false;
  }

  /** Lets go of arrays that no optimizer has, so that they are collected. */
  #forget(): void {
    const used = new Set(
      this.#trainees.flatMap(({ entries }) => [...entries.values()].map(({ parameter }) => parameter)),
    );
    const left = this.#parameters.filter((each) => used.has(each) || (each.source.alive && this.#chance(0.5)));
    this.#parameters.splice(0, Number.POSITIVE_INFINITY, ...left);
  }

  // ---- Optimizers ----

  /** Parameters that no optimizer has, one of each; some may have lost their memory. */
  #free(): Tracked[] {
    const used = new Set(this.#trainees.flatMap(({ entries }) => [...entries.keys()]));
    // Whether an array without elements has lost its memory depends on what it was.
    const known = ({ source, expectedGrad }: Tracked) => source.alive || expectedGrad.length > 0;
    return this.#parameters.filter((each) => !used.has(each.name) && known(each) && this.#chance(0.5));
  }

  #gone = ({ source, expectedGrad }: Tracked) => !source.alive && expectedGrad.length > 0;

  #enter(trainee: Trainee, params: readonly Tracked[], options: RMSpropOptions): void {
    trainee.groups.push({ ...options });
    const group = trainee.groups.length - 1;
    for (const parameter of params) {
      const model = new Expected(parameter.expected.data, options);
      parameter.expected.data = model.data;
      trainee.entries.set(parameter.name, { parameter, model, group, frozen: false });
    }
  }

  /** What refuses parameters that are new to an optimizer; those without elements may be refused or not. */
  #newCode(params: readonly Tracked[], options: object, bad: boolean): string | undefined {
    if (params.some((parameter) => this.#gone(parameter))) return "ERR_DETACHED";
    return bad && Object.keys(options).length > 0 ? "ERR_OPTION" : undefined;
  }

  #options(): readonly [options: RMSpropOptions, bad: boolean] {
    const bad = this.#chance(0.1);
    return [
      (bad
        ? this.#one(badChanges.filter((each) => !("preset" in each || "params" in each)))
        : this.#one(optionChoices)) as RMSpropOptions,
      bad,
    ];
  }

  #construct(): void {
    const params = this.#free();
    const [options, bad] = this.#options();
    if (this.#chance(0.05) && params[0]) {
      const twice = [...params, params[0]];
      const code = params.some((parameter) => this.#gone(parameter)) ? "ERR_DETACHED" : "ERR_NAME";
      this.#call("construct with one twice", bad ? "ERR_OPTION" : code, () => new RMSprop(twice, options));
      return;
    }
    const code = bad ? "ERR_OPTION" : this.#newCode(params, options, bad);
    const optimizer = this.#call("construct", code, () => new RMSprop(params, options));
    if (!optimizer) return;
    const trainee = {
      optimizer,
      base: { ...options },
      entries: new Map(),
      groups: [],
      saved: undefined,
      disposed: false,
      pending: false,
    };
    this.#enter(trainee, params, options);
    this.#trainees.push(trainee);
  }

  #addGroup(trainee: Trainee): void {
    const params = this.#free().slice(0, 2);
    const all = [...trainee.entries.values()];
    const gone = all.some(({ parameter }) => this.#gone(parameter)) ? "ERR_DETACHED" : undefined;
    const code = this.#idle(trainee) ?? gone ?? this.#newCode(params, {}, false);
    this.#call("addParamGroup", code, () => trainee.optimizer.addParamGroup({ params }));
    if (code === undefined) this.#enter(trainee, params, trainee.base);
  }

  /** What refuses any call that changes an optimizer. */
  #idle({ disposed, pending }: Trainee): string | undefined {
    return disposed ? "ERR_DETACHED" : pending ? "ERR_STEP_IN_FLIGHT" : undefined;
  }

  #included(trainee: Trainee): Entry[] {
    return [...trainee.entries.values()].filter(({ frozen }) => !frozen);
  }

  #stepCode(trainee: Trainee, entries: readonly Entry[], asynchronous: boolean): string | undefined {
    const idle = this.#idle(trainee);
    if (idle) return idle;
    const full = entries.filter(({ parameter: { expectedGrad } }) => expectedGrad.length > 0);
    if (full.some(({ parameter }) => !parameter.source.alive)) return "ERR_DETACHED";
    return asynchronous && full.some(({ parameter }) => !parameter.source.stays) ? "ERR_ASYNC_MEMORY" : undefined;
  }

  #advance(entries: readonly Entry[]): void {
    for (const { model, parameter } of entries) model.take(parameter.expectedGrad);
  }

  #step(trainee: Trainee): void {
    const entries = this.#included(trainee);
    const code = this.#stepCode(trainee, entries, false);
    this.#call("step", code, () => trainee.optimizer.step());
    if (code === undefined) this.#advance(entries);
  }

  #stepWith(trainee: Trainee): void {
    const entries = this.#included(trainee).filter(({ parameter }) => parameter.source.alive && this.#chance(0.6));
    const bad = this.#chance(0.2);
    const arrays: Record<string, Record<string, unknown>> = {};
    const after: (() => void)[] = [];
    for (const { parameter, model } of entries) {
      const { name, data, expectedGrad } = parameter;
      const ArrayType = data.constructor as Float64ArrayConstructor;
      const own = () => {
        const array = new ArrayType(data.length);
        this.#fill(array);
        return array;
      };
      const [grad, out] = [this.#chance(0.5) ? own() : undefined, this.#chance(0.3) ? own() : undefined];
      arrays[name] = { ...(grad && { grad }), ...(out && { out }) };
      after.push(() => {
        const wanted = out?.slice();
        model.take(grad ?? expectedGrad, model.data, wanted);
        if (out && !same(out, wanted as FloatArray)) throw new Error(`the out of ${name} is not what it should be`);
      });
    }
    let code = this.#idle(trainee);
    if (bad) {
      const [kind, value] = this.#one([
        ["ERR_NAME", undefined],
        ["ERR_DTYPE", new Int8Array(3)],
        ["ERR_LENGTH", "long"],
      ]) as [string, unknown];
      const entry = entries[0];
      if (kind === "ERR_NAME" || !entry) {
        arrays.nobody = {};
        code ??= "ERR_NAME";
      } else {
        const { data } = entry.parameter;
        const ArrayType = data.constructor as Float64ArrayConstructor;
        arrays[entry.parameter.name] = { grad: value === "long" ? new ArrayType(data.length + 1) : value };
        code ??= kind;
      }
    }
    this.#call("step with arrays", code, () => trainee.optimizer.step(arrays as never));
    if (code === undefined) for (const check of after) check();
  }

  /** A step off the event loop, and meanwhile calls that must all be refused. */
  async #stepAsync(trainee: Trainee): Promise<void> {
    const entries = this.#included(trainee);
    const code = this.#stepCode(trainee, entries, true);
    const own = entries.map(({ parameter }) => parameter).filter(({ expectedGrad }) => expectedGrad.length > 0);
    const step = trainee.optimizer.stepAsync();
    const settled = step.then(
      () => undefined,
      (error: unknown) => error,
    );
    if (code === undefined) {
      trainee.pending = true;
      const held = own.map(({ source }) => source).filter(({ kind }) => kind === "allocated" || kind === "shared");
      for (const source of held) source.inFlight++;
      for (let i = this.#pick(4); i > 0; i--) this.#change(trainee);
      const source = this.#one(held);
      if (source) this.#call("dispose in flight", "ERR_STEP_IN_FLIGHT", source.take);
      const error = await settled;
      for (const each of held) each.inFlight--;
      trainee.pending = false;
      if (error) throw error;
      this.#advance(entries);
    }
    const error = await settled;
    this.#count("stepAsync", code !== undefined);
    const found = error === undefined ? undefined : (error as OptimError).code;
    if (found !== code) throw new Error(`stepAsync: expected ${code ?? "no refusal"}, found ${found ?? String(error)}`);
  }

  #save(trainee: Trainee): void {
    const entries = [...trainee.entries.values()];
    const gone = entries.some(({ parameter }) => !parameter.source.alive && parameter.expectedGrad.length > 0);
    const code = this.#idle(trainee) ?? (gone ? "ERR_DETACHED" : undefined);
    const state = this.#call("stateDict", code, () => trainee.optimizer.stateDict());
    if (!state) return;
    const copy = ({ model: { step, slots }, group }: Entry) => ({
      group,
      step,
      slots: Object.fromEntries(Object.entries(slots).map(([slot, array]) => [slot, array.slice()])),
    });
    trainee.saved = {
      state,
      groups: trainee.groups.map((options) => ({ ...options })),
      models: new Map(entries.map((entry) => [entry.parameter.name, copy(entry)])),
    };
  }

  #load(trainee: Trainee): void {
    const { saved, entries, groups } = trainee;
    const idle = this.#idle(trainee);
    if (!saved || this.#chance(0.2)) {
      const state = this.#one<unknown>([
        null,
        {},
        { rule: "sgd", paramGroups: [], state: {} },
        { ...saved?.state, state: {} },
      ]);
      const nothing =
        saved &&
        entries.size === 0 &&
        saved.models.size === 0 &&
        typeof state === "object" &&
        state !== null &&
        "paramGroups" in state &&
        "rule" in state &&
        state.rule === "rmsprop" &&
        groups.length === saved.groups.length;
      if (nothing) return;
      this.#call("loadStateDict, bad", idle ?? "ERR_STATE", () => trainee.optimizer.loadStateDict(state as never));
      return;
    }
    const fits =
      saved.groups.length === groups.length &&
      saved.models.size === entries.size &&
      [...saved.models].every(([name, { group }]) => entries.get(name)?.group === group);
    const gone = [...entries.values()].some(
      ({ parameter }) => !parameter.source.alive && parameter.expectedGrad.length > 0,
    );
    const code = idle ?? (fits ? (gone ? "ERR_DETACHED" : undefined) : "ERR_STATE");
    this.#call("loadStateDict", code, () => trainee.optimizer.loadStateDict(saved.state));
    if (code !== undefined) return;
    saved.groups.forEach((options, i) => {
      const lr = typeof options.lr === "function" ? groups[i]?.lr : options.lr;
      groups[i] = { ...options, ...(lr !== undefined && { lr }) };
      if (lr === undefined) delete (groups[i] as RMSpropOptions).lr;
    });
    for (const [name, { step, slots }] of saved.models) {
      const { model, group } = entries.get(name) as Entry;
      model.step = step;
      for (const slot of Object.keys(model.slots)) delete model.slots[slot];
      for (const [slot, array] of Object.entries(slots)) model.slots[slot] = array.slice();
      model.options = new Expected(new Float32Array(0), groups[group]).options;
    }
  }

  #set(trainee: Trainee): void {
    const index = this.#pick(trainee.groups.length);
    const view = trainee.disposed ? undefined : trainee.optimizer.paramGroups[index];
    const options = trainee.groups[index];
    if (!view || !options) return;
    const bad = this.#chance(0.3);
    const change = this.#one<object>(bad ? badChanges : goodChanges) as object;
    this.#call("set an option", bad ? "ERR_OPTION" : undefined, () => Object.assign(view, change));
    if (bad) return;
    Object.assign(options, change);
    for (const { model, group } of trainee.entries.values()) if (group === index) Object.assign(model.options, change);
  }

  #freeze(trainee: Trainee): void {
    const name = this.#chance(0.8) ? this.#one([...trainee.entries.keys()]) : "nobody";
    if (name === undefined) return;
    const entry = trainee.entries.get(name);
    const way = this.#chance(0.5) ? "freeze" : "unfreeze";
    const code = this.#idle(trainee) ?? (entry ? undefined : "ERR_NAME");
    this.#call(way, code, () => trainee.optimizer[way](name));
    if (code === undefined && entry) entry.frozen = way === "freeze";
  }

  #remove(trainee: Trainee): void {
    const name = this.#one([...trainee.entries.keys()]) ?? "nobody";
    const code = this.#idle(trainee) ?? (trainee.entries.has(name) ? undefined : "ERR_NAME");
    this.#call("remove", code, () => trainee.optimizer.remove(name));
    if (code === undefined) trainee.entries.delete(name);
  }

  #zeroGrad(trainee: Trainee): void {
    const entries = [...trainee.entries.values()];
    const gone = entries.some(({ parameter }) => !parameter.source.alive && parameter.expectedGrad.length > 0);
    const code = this.#idle(trainee) ?? (gone ? "ERR_DETACHED" : undefined);
    this.#call("zeroGrad", code, () => trainee.optimizer.zeroGrad());
    if (code === undefined) for (const { parameter } of entries) parameter.expectedGrad.fill(0);
  }

  #dispose(trainee: Trainee): void {
    const code = trainee.disposed ? undefined : this.#idle(trainee);
    this.#call("dispose", code, () => trainee.optimizer.dispose());
    if (code === undefined) {
      trainee.disposed = true;
      trainee.entries.clear();
    }
  }

  /** A call that changes an optimizer. */
  #change(trainee: Trainee): void {
    const calls = [
      this.#step,
      this.#step,
      this.#stepWith,
      this.#stepWith,
      this.#freeze,
      this.#zeroGrad,
      this.#save,
      this.#load,
    ];
    const rare = [this.#remove, this.#addGroup, this.#dispose];
    (this.#one(this.#chance(0.06) ? rare : calls) as (trainee: Trainee) => void).call(this, trainee);
  }

  #writeGradients(): void {
    const parameter = this.#one(this.#parameters);
    if (!parameter?.source.alive || this.#trainees.some(({ pending }) => pending)) return;
    this.#fill(parameter.expectedGrad);
    parameter.grad.set(parameter.expectedGrad);
  }

  #badCalls(): void {
    const [name, code, action] = this.#one<readonly [string, string, () => unknown]>([
      ["allocate no shape", "ERR_LENGTH", () => allocate({ x: [-1] })],
      ["allocate nothing", "ERR_LENGTH", () => allocate(null as never)],
      ["allocate too much", "ERR_MEMORY", () => allocate({ x: [2 ** 52] })],
      ["allocate with an option there is not", "ERR_OPTION", () => allocate({ x: [1] }, { type: "float32" } as never)],
      ["construct over nothing", "ERR_DTYPE", () => new RMSprop(null as never)],
      ["construct over what is no parameter", "ERR_DTYPE", () => new RMSprop([5 as never])],
      ["set no number of threads", "ERR_OPTION", () => backend.setThreads(0)],
    ]) as readonly [string, string, () => unknown];
    this.#call(name, code, action);
  }

  /** Makes one call, or a step off the event loop with some beside it, and compares everything with the model. */
  async take(): Promise<void> {
    const alive = this.#trainees.filter(({ disposed }) => !disposed);
    const trainee = this.#one(this.#chance(0.03) ? this.#trainees : alive);
    const kind = this.#uniform();
    if (kind < 0.02 || this.#parameters.length < 4) this.#makeMemory();
    else if (kind < 0.025) this.#takeMemory();
    else if (kind < 0.045) this.#badCalls();
    else if (kind < 0.05) backend.setThreads(1 + this.#pick(4));
    else if (!trainee || (kind < 0.08 && alive.length < 4)) this.#construct();
    else if (kind < 0.2) this.#writeGradients();
    else if (kind < 0.3) this.#set(trainee);
    else if (kind < 0.4) await this.#stepAsync(trainee);
    else this.#change(trainee);
    if (this.#parameters.length > 24) this.#forget();
    if (this.#trainees.length > 8) this.#trainees.splice(0, this.#trainees.length, ...alive);
    this.#compare();
  }

  #compare(): void {
    for (const { name, data, grad, expected, expectedGrad, source } of this.#parameters) {
      if (!source.alive) continue;
      if (!same(data, expected.data)) throw new Error(`the data of ${name}, ${source.kind}, is not what it should be`);
      if (!same(grad, expectedGrad)) throw new Error(`the gradient of ${name}, ${source.kind}, was written`);
    }
    for (const { optimizer, entries, disposed } of this.#trainees) {
      if (disposed) continue;
      for (const [name, { model }] of entries) {
        const { step, ...slots } = optimizer.state(name);
        if (step !== model.step) throw new Error(`the step of ${name}: expected ${model.step}, found ${step}`);
        for (const [slot, array] of Object.entries(model.slots)) {
          const own = slots[slot] as FloatArray | undefined;
          if (!own || !same(own, array)) throw new Error(`the ${slot} of ${name} is not what it should be`);
        }
      }
    }
  }
}
