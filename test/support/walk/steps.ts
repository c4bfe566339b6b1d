// A walk's steps: of everything, of some parameters with arrays for one call, off the event loop; and what else changes the
// arrays.
import type { OptimError } from "../../../lib/index.ts";
import type { FloatArray } from "../../../lib/numbers/typed-array.ts";
import type { Taken } from "../staged-model.ts";
import { givenOf, gradientOf } from "./made.ts";
import {
  type Entry,
  idleCode,
  isGone,
  isOwn,
  memoryCode,
  same,
  settledCode,
  type Tracked,
  type Trainee,
  type WalkState,
} from "./state.ts";

const included = ({ entries }: Trainee): Entry[] => [...entries.values()].filter(({ frozen }) => !frozen);

/** Those whose arrays the optimizer has. */
const standing = (trainee: Trainee): Entry[] => included(trainee).filter(({ placed }) => placed);

const asTaken = ({ model, parameter }: Entry): Taken => ({ part: model, grad: gradientOf(parameter) });

function stepCode(trainee: Trainee, entries: readonly Entry[], asynchronous: boolean): string | undefined {
  const settled = settledCode(trainee);
  if (settled) return settled;
  const full = entries.map(({ parameter }) => parameter).filter(({ expectedGrad }) => expectedGrad.length > 0);
  if (full.some(isGone)) return "ERR_DETACHED";
  return asynchronous && full.some(({ source }) => !source.stays) ? "ERR_ASYNC_MEMORY" : undefined;
}

const madeOf = (entries: readonly Entry[]) => entries.map(({ parameter }) => parameter).filter(({ made }) => made);

/** Zeroes a gradient that a step made, if the step zeroes gradients. */
function zeroMade({ entries }: Trainee, { name, made }: Tracked): void {
  if (entries.get(name)?.model.options.zeroGrads) made?.zero();
}

/**
 * Takes a step that was not refused in the model, and compares what it tells.
 * @param made The parameters whose gradient it made.
 */
function advance(walk: WalkState, trainee: Trainee, taken: readonly Taken[], made: readonly Tracked[]): void {
  const { stages } = trainee;
  const { lossScale } = stages;
  stages.step(taken);
  for (const parameter of made) if (!stages.last?.skipped) zeroMade(trainee, parameter);
  walk.note("made a gradient", made.length > 0);
  noteStep(walk, trainee, taken, lossScale);
  if (taken.length > 0 && !stages.last?.skipped) notePlaces(trainee, taken);
  compareLastStep(trainee, taken);
}

/** Whether a step changed the parameter's own data, or other data that it was given. */
function notePlaces({ entries }: Trainee, taken: readonly Taken[]): void {
  for (const entry of entries.values()) {
    const given = taken.find(({ part }) => part === entry.model);
    if (given && entry.parameter.expectedGrad.length > 0) entry.elsewhere = (given.out ?? given.data) !== undefined;
  }
}

function compareLastStep(trainee: Trainee, taken: readonly Taken[]): void {
  const { stages, optimizer } = trainee;
  if (taken.length > 0) trainee.lastStep = Math.max(...taken.map(({ part }) => part.expected.step));
  const { last } = stages;
  const applied = last?.skipped !== true && taken.some(({ part }) => part.waiting === 0);
  const info = { step: trainee.lastStep, applied, ...(last ?? { skipped: false }) };
  const expected = last || trainee.lastStep > 0 ? info : undefined;
  const found = optimizer.lastStep as unknown as Record<string, unknown> | undefined;
  const names = new Set([...Object.keys(expected ?? {}), ...Object.keys(found ?? {})]);
  for (const name of names) {
    const [wanted, own] = [expected?.[name as "step"], found?.[name]];
    if (!Object.is(wanted, own)) throw new Error(`lastStep.${name}: expected ${wanted}, found ${own}`);
  }
}

function noteStep(walk: WalkState, { stages }: Trainee, taken: readonly Taken[], lossScale: number): void {
  const { last } = stages;
  const skipped = last?.skipped === true;
  walk.note("skipped", skipped);
  walk.note("only accumulated", taken.length > 0 && !skipped && taken.every(({ part }) => part.waiting > 0));
  walk.note("some only accumulated", new Set(taken.map(({ part }) => part.waiting > 0)).size > 1);
  walk.note("clipped by value", last?.clipped);
  walk.note("measured a norm", last?.gradNorm);
  walk.note("measured the update", last?.updateNorm);
  walk.note("moved the loss scale", stages.lossScale !== lossScale);
  const begun = taken.filter(({ part }) => part.expected.step > 0 && !skipped);
  walk.note(
    "averaged",
    begun.some(({ part }) => part.options.ema),
  );
  walk.note(
    "zeroed gradients",
    begun.some(({ part }) => part.options.zeroGrads),
  );
  walk.note(
    "clipped by norm",
    begun.some(({ part }) => part.options.clipNorm),
  );
}

export function step(walk: WalkState, trainee: Trainee): void {
  const entries = standing(trainee);
  const code = stepCode(trainee, entries, false);
  walk.call("step", code, () => trainee.optimizer.step());
  if (code === undefined) advance(walk, trainee, entries.map(asTaken), madeOf(entries));
}

type GivenArrays = Record<string, unknown>;

/** What is neither a gradient nor an object with arrays alone, over a gradient that would fit. */
const badForms: readonly ((grad: FloatArray) => unknown)[] = [
  ...[() => ({}), () => undefined, () => 1, () => new Map(), async () => ({})],
  (grad) => [grad],
  (grad) => ({ grads: grad }),
  (grad) => ({ grad, lr: 1 }),
  (grad) => new Map([["grad", grad]]),
  (grad) => Promise.resolve({ grad }),
  () => new Int8Array(3),
  () => ({ grad: new Int8Array(3) }),
];

/** Puts something that does not fit among arrays for one call. Returns the code that refuses it. */
function spoil(walk: WalkState, arrays: GivenArrays, entry: Entry | undefined): string {
  const kind = walk.one(["ERR_NAME", "ERR_DTYPE", "ERR_LENGTH"]) as string;
  if (kind === "ERR_NAME" || !entry) {
    arrays.nobody = walk.one([{}, null, new Float32Array(1)]);
    return "ERR_NAME";
  }
  const { name, data } = entry.parameter;
  const ArrayType = data.constructor as Float64ArrayConstructor;
  const bad = walk.one(badForms) as (typeof badForms)[number];
  const long = new ArrayType(data.length + 1);
  arrays[name] = kind === "ERR_DTYPE" ? bad(new ArrayType(data.length)) : walk.one([long, { grad: long }]);
  return kind;
}

export function stepWith(walk: WalkState, trainee: Trainee): void {
  const entries = included(trainee).filter(({ parameter }) => parameter.source.alive && walk.chance(0.6));
  const arrays: GivenArrays = {};
  const taken: Taken[] = [];
  const made: Tracked[] = [];
  const given: (readonly [what: string, found: FloatArray, expected: FloatArray])[] = [];
  for (const { parameter, model, placed } of entries) {
    const { name, data } = parameter;
    if (walk.chance(0.1)) {
      arrays[name] = walk.one([null, { grad: null }, { grad: null, out: new Float32Array(1) }]);
      walk.note("left out by null", true);
      continue;
    }
    const own = (what: string, share: number) => {
      if (!walk.chance(share)) return undefined;
      const array = new (data.constructor as Float64ArrayConstructor)(data.length);
      walk.fill(array);
      const expected: FloatArray = array.slice();
      given.push([`the ${what} of ${name}`, array, expected]);
      return { array, expected };
    };
    const [grad, out, from] = [own("grad", 0.5), own("out", 0.3), own("data", 0.1)];
    const bare = placed && grad && !out && !from && walk.chance(0.5);
    walk.note("given a bare gradient", bare);
    arrays[name] = bare
      ? grad.array
      : {
          ...((grad || !placed) && { grad: grad?.array ?? givenOf(parameter) }),
          ...(out && { out: out.array }),
          // An object that names none is refused: here the parameter's own stand for it.
          ...((from || !placed || (!grad && !out)) && { data: from?.array ?? data }),
        };
    walk.note("given all its arrays", !placed);
    const [wanted, read] = [out?.expected, from?.expected];
    taken.push({ part: model, grad: grad?.expected ?? gradientOf(parameter), data: read, out: wanted });
    if (!grad && parameter.made) made.push(parameter);
  }
  const bad = walk.chance(0.2)
    ? spoil(
        walk,
        arrays,
        entries.find(({ placed }) => placed),
      )
    : undefined;
  const code = settledCode(trainee) ?? bad;
  walk.call("step with arrays", code, () => trainee.optimizer.step(arrays as never));
  if (code === undefined) advance(walk, trainee, taken, made);
  for (const [what, found, expected] of given) {
    if (!same(found, expected)) throw new Error(`${what}, given for one call, is not what it should be`);
  }
}

/** A step off the event loop, and meanwhile calls that must all be refused. */
export async function stepAsync(walk: WalkState, trainee: Trainee, change: () => void): Promise<void> {
  const entries = standing(trainee);
  const code = stepCode(trainee, entries, true);
  const own = entries.map(({ parameter }) => parameter).filter(({ expectedGrad }) => expectedGrad.length > 0);
  // A batch that is set meanwhile counts from the next step on.
  const taken = entries.map(asTaken);
  const settled = trainee.optimizer.stepAsync().then(
    () => undefined,
    (error: unknown) => error,
  );
  if (code === undefined) {
    trainee.pending = true;
    const held = own.map(({ source }) => source).filter(isOwn);
    for (const source of held) source.inFlight++;
    for (let i = walk.pick(4); i > 0; i--) change();
    const source = walk.one(held);
    if (source) walk.call("dispose in flight", "ERR_STEP_IN_FLIGHT", source.take);
    const error = await settled;
    for (const each of held) each.inFlight--;
    trainee.pending = false;
    if (error) throw error;
    advance(walk, trainee, taken, madeOf(entries));
  }
  const error = await settled;
  walk.count("stepAsync", code !== undefined);
  const found = error === undefined ? undefined : (error as OptimError).code;
  if (found !== code) throw new Error(`stepAsync: expected ${code ?? "no refusal"}, found ${found ?? String(error)}`);
}

/** Takes a step with what was accumulated. */
export function flush(walk: WalkState, trainee: Trainee): void {
  const entries = included(trainee).filter(({ model }) => model.waiting > 0);
  const elsewhere = entries.some((entry) => entry.elsewhere || !entry.placed) ? "ERR_STATE" : undefined;
  const lost = entries.some(({ parameter }) => isGone(parameter)) ? "ERR_DETACHED" : undefined;
  const code = settledCode(trainee) ?? elsewhere ?? lost;
  const parts = entries.map(({ model }) => model);
  walk.call("flushAccumulated", code, () => trainee.optimizer.flushAccumulated());
  if (code !== undefined || parts.length === 0) return;
  trainee.stages.flush(parts);
  walk.note("flushed", true);
  compareLastStep(trainee, entries.map(asTaken));
}

/** Drops what was accumulated. */
export function drop(walk: WalkState, trainee: Trainee): void {
  const code = settledCode(trainee) ?? memoryCode(trainee);
  walk.call("dropAccumulated", code, () => trainee.optimizer.dropAccumulated());
  if (code !== undefined) return;
  for (const { model } of trainee.entries.values()) {
    walk.note("dropped", model.waiting > 0);
    model.sum.fill(0);
    model.waiting = 0;
  }
}

export function zeroGrad(walk: WalkState, trainee: Trainee): void {
  const code = idleCode(trainee) ?? memoryCode(trainee);
  walk.call("zeroGrad", code, () => trainee.optimizer.zeroGrad());
  if (code !== undefined) return;
  for (const { parameter, placed } of trainee.entries.values()) {
    if (!placed) continue;
    if (parameter.made) parameter.made.zero();
    else parameter.expectedGrad.fill(0);
  }
}

export function swapEma(walk: WalkState, trainee: Trainee): void {
  const averages = trainee.groups.some(({ ema }) => ema);
  const hasBegun = ({ group, model: { ema } }: Entry) => trainee.groups[group]?.ema && ema;
  const swapped = trainee.swapped ?? [...trainee.entries.values()].filter(hasBegun);
  const elsewhere = swapped.some((entry) => entry.elsewhere || !entry.placed) ? "ERR_STATE" : undefined;
  const code = idleCode(trainee) ?? (averages ? (elsewhere ?? memoryCode(trainee)) : "ERR_OPTION");
  walk.call("swapEma", code, () => trainee.optimizer.swapEma());
  if (code !== undefined) return;
  for (const { model } of swapped) {
    const [data, ema] = [model.expected.data, model.ema as FloatArray];
    const before = data.slice();
    data.set(ema);
    ema.set(before);
  }
  walk.note("exchanged averages", swapped.length > 0);
  trainee.swapped = trainee.swapped ? undefined : swapped;
}
