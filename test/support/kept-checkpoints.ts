// A checkpoint of each release, kept for ever: what it was made of, its bytes, and the bits that going on from it had.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { encodeCheckpoint } from "../../lib/checkpoint/index.ts";
import * as library from "../../lib/index.ts";
import type { NumberType } from "../../lib/numbers/typed-array.ts";
import { arrayType } from "./arena.ts";
import { type AnyOptimizer, drawGradient, plain, values } from "./arrays.ts";
import { root } from "./compile.ts";
import { rows } from "./optimizers/all.ts";

export const folder = join(root, "test", "checkpoint", "releases");

/** A call that makes a schedule: the name of its function, and its arguments, schedules among them. */
interface ScheduleCall {
  readonly schedule: string;
  readonly args: readonly unknown[];
}

/** What a training is of. */
interface Setting {
  readonly name: string;
  readonly optimizer: string;
  readonly options: object;
  /** In the place of the option `lr`. */
  readonly lr?: ScheduleCall;
  /** Each is a group with options of its own. */
  readonly groups: readonly { readonly parameters: readonly Shaped[]; readonly options: object }[];
}

interface Shaped {
  readonly name: string;
  readonly type: NumberType;
  readonly shape: readonly number[];
}

/** By parameter. A number beyond float32's becomes infinite in its arrays. */
type Gradients = Readonly<Record<string, readonly number[]>>;

export interface Kept extends Setting {
  /** The checkpoint, in base64. */
  readonly file: string;
  /** The gradients of the steps that go on from it. */
  readonly gradients: readonly Gradients[];
  /** The parameters and the state after them, arrays as hexadecimal bytes. */
  readonly after: unknown;
}

/** Makes the schedules of a call, and lists those that are told the loss. */
function scheduleOf({ schedule, args }: ScheduleCall, told: { report(loss: number): void }[]): unknown {
  const made = (arg: unknown): unknown => {
    if (Array.isArray(arg)) return arg.map(made);
    return typeof arg === "object" && arg !== null && "schedule" in arg ? scheduleOf(arg as ScheduleCall, told) : arg;
  };
  const functions = library.schedules as unknown as Record<
    string,
    (...args: unknown[]) => { report(loss: number): void }
  >;
  const result = (functions[schedule] as (...args: unknown[]) => { report(loss: number): void })(...args.map(made));
  if (schedule === "reduceOnPlateau") told.push(result);
  return result;
}

/** A training as a program would set it up, before its first step. */
export function begin({ optimizer: name, options, lr, groups }: Setting) {
  const told: { report(loss: number): void }[] = [];
  let seed = 0;
  const made = groups.map((group) => ({
    ...group.options,
    params: group.parameters.map(({ name, type, shape }) => {
      const length = shape.reduce((product, dimension) => product * dimension, 1);
      return { name, shape, data: values(type, length, ++seed), grad: new (arrayType(type))(length) };
    }),
  }));
  const parameters = made.flatMap(({ params }) => params);
  const Class = (library as unknown as Record<string, new (...args: unknown[]) => AnyOptimizer>)[name];
  if (!Class) throw new Error(`There is no optimizer ${name} any more.`);
  const optimizer = new Class(made, { ...options, ...(lr && { lr: scheduleOf(lr, told) }) });
  return {
    parts: { parameters, optimizer },
    step(gradients: Gradients) {
      for (const { name, grad } of parameters) grad.set(gradients[name] as readonly number[]);
      optimizer.step();
      for (const schedule of told) schedule.report(1);
    },
  };
}

/** The parameters and the state of a training. */
export const bitsOf = ({ parts: { parameters, optimizer } }: ReturnType<typeof begin>) =>
  JSON.parse(
    JSON.stringify({
      parameters: plain(Object.fromEntries(parameters.map(({ name, data }) => [name, data]))),
      state: plain(optimizer.stateDict().state),
      lossScale: optimizer.lossScale ?? null,
      steps: optimizer.lastStep?.step,
    }),
  );

const every = {
  clipGlobalNorm: 3,
  clipNorm: 2,
  clipValue: 1.5,
  skipNonFinite: true,
  zeroGrads: true,
  ema: { decay: 0.9, warmup: true, start: 2 },
};
const stages: Readonly<Record<string, object>> = {
  "an average": { ema: { decay: 0.75, every: 2 } },
  "a window that is not full": { gradientAccumulationSteps: 3, gradScale: 0.5 },
  "a loss scale": { lossScale: { initial: 1024, growthInterval: 2, growthFactor: 2, backoffFactor: 0.5 } },
  diagnostics: { diagnostics: true, maximize: true },
};
const cosine = { schedule: "cosine", args: [0.1, { steps: 9, min: 1e-3 }] };
const warmup = { schedule: "linearWarmup", args: [0.1, { steps: 3 }] };
const plateau = { schedule: "reduceOnPlateau", args: [0.1, { factor: 0.5, patience: 1 }] };
const scheduleCalls: readonly ScheduleCall[] = [
  { schedule: "constant", args: [0.1] },
  { schedule: "step", args: [0.3, { stepSize: 2, gamma: 0.9 }] },
  { schedule: "exponential", args: [0.1, { gamma: 0.7 }] },
  cosine,
  warmup,
  { schedule: "oneCycle", args: [0.1, { steps: 11 }] },
  { schedule: "sequence", args: [[warmup, plateau], { milestones: [3] }] },
  { schedule: "chain", args: [[plateau, { schedule: "exponential", args: [1, { gamma: 0.9 }] }]] },
  plateau,
];

const both: Setting["groups"] = [
  {
    parameters: [
      { name: "layer.weight", type: "float32", shape: [2, 3] },
      { name: "scalar", type: "float32", shape: [] },
    ],
    options: {},
  },
  { parameters: [{ name: "layer.bias", type: "float64", shape: [3] }], options: { maximize: true } },
];
const one: Setting["groups"] = [{ parameters: [{ name: "x", type: "float32", shape: [3] }], options: {} }];

/** What a checkpoint is kept of: every optimizer, preset, stage and schedule, and both number types. */
export const settings: readonly Setting[] = [
  ...rows.flatMap(({ definition: { name: optimizer }, fullest, presets }) => [
    { name: `${optimizer}, its fullest`, optimizer, options: fullest, groups: both },
    { name: `${optimizer}, every stage`, optimizer, options: { ...fullest, ...every }, groups: both },
    ...Object.keys(presets).map((preset) => {
      return { name: `${optimizer}, ${preset}`, optimizer, options: { preset }, groups: one };
    }),
  ]),
  ...Object.entries(stages).map(([name, options]) => {
    return { name, optimizer: "RMSprop", options: { momentum: 0.9, ...options }, groups: both };
  }),
  ...scheduleCalls.map((lr) => ({ name: `lr: ${lr.schedule}`, optimizer: "RMSprop", options: {}, lr, groups: one })),
];

/** Steps before the checkpoint: a number that leaves windows and averages in the middle. */
const before = 4;

/** One set of gradients for each step; those of the second are infinite where the step would be skipped. */
function gradientsOf(setting: Setting, first: number, count: number): Gradients[] {
  const { parameters } = begin(setting).parts;
  return Array.from({ length: count }, (_, i) =>
    Object.fromEntries(
      parameters.map(({ name, grad }, p) => {
        drawGradient(grad, 10 * (first + i) + p);
        const skips = "skipNonFinite" in setting.options || "lossScale" in setting.options;
        return [name, skips && i === 1 ? Array.from(grad, () => 1e39) : Array.from(grad)];
      }),
    ),
  );
}

function keep(setting: Setting): Kept {
  const training = begin(setting);
  for (const gradients of gradientsOf(setting, 1, before)) training.step(gradients);
  const file = Buffer.from(encodeCheckpoint(training.parts)).toString("base64");
  const gradients = gradientsOf(setting, 1 + before, 4);
  for (const each of gradients) training.step(each);
  return { ...setting, file, gradients, after: bitsOf(training) };
}

/** Writes the checkpoints of a version. */
export function keepVersion(version: string): void {
  if (!/^\d+\.\d+\.\d+/.test(version)) throw new Error(`Expected a version such as 1.2.3, but it is ${version}.`);
  writeFileSync(join(folder, `${version}.json.gz`), gzipSync(JSON.stringify(settings.map(keep)), { level: 9 }));
}

/** The versions that are kept. */
export const keptVersions = () => readdirSync(folder).map((file) => file.replace(/\.json\.gz$/, ""));

export const keptOf = (version: string): Kept[] =>
  JSON.parse(gunzipSync(readFileSync(join(folder, `${version}.json.gz`))).toString());
