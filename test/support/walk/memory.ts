// A walk's memory: made in every kind there is, written, taken away, forgotten.
import { allocate } from "../../../lib/index.ts";
import type { FloatArray, NumberType } from "../../../lib/numbers/typed-array.ts";
import { arrayType } from "../arena.ts";
import { growable, resizable } from "../arrays.ts";
import type { Shape } from "../sources.ts";
import { factorsOf, listOf, type MadeGradient } from "./made.ts";
import { isOwn, type Source, type WalkState } from "./state.ts";

/** Whether a step off the event loop may work on memory of each kind. */
const kinds = {
  allocated: true,
  shared: true,
  growable: true,
  heap: false,
  resizable: false,
  wasm: false,
};

/** A buffer of a kind that `allocate()` does not make, and what takes its memory away. */
function bufferOfKind(kind: keyof typeof kinds, bytes: number): readonly [ArrayBufferLike, take: () => void] {
  const most = 2 * bytes + 8;
  if (kind === "heap") {
    const own = new ArrayBuffer(bytes);
    return [own, () => structuredClone(own, { transfer: [own] })];
  }
  if (kind === "resizable") {
    const own = resizable(bytes, most);
    return [own, () => own.resize(0)];
  }
  if (kind === "growable") {
    const own = growable(bytes, most);
    return [own, () => own.grow(most)]; // which takes nothing away
  }
  const own = new WebAssembly.Memory({ initial: 1 });
  return [own.buffer, () => own.grow(1)];
}

/** The most rows of a batch. */
const factorRows = 3;

const sizeOf = (shape: readonly number[]) => shape.reduce((size, dimension) => size * dimension, 1);

/** Of a parameter whose gradient factors make, two dimensions; of others one. */
function chooseShape(walk: WalkState): readonly number[] {
  if (walk.chance(0.25)) return [1 + walk.pick(4), 1 + walk.pick(walk.chance(0.01) ? 600 : 4)];
  return [walk.pick(walk.chance(0.003) ? 1100 : 12)];
}

/** The lengths of the factors x and y. */
const partsOf = ([inputs = 0, outputs]: readonly number[]) =>
  outputs === undefined ? [] : [factorRows * inputs, factorRows * outputs];

function madeOfFactors(walk: WalkState, [x, y]: readonly FloatArray[], shape: readonly number[]): MadeGradient {
  const transposed = walk.chance(0.3);
  const [first, second] = transposed ? [y, x] : [x, y];
  return factorsOf(first as FloatArray, second as FloatArray, factorRows, shape as Shape, transposed);
}

function filledList(walk: WalkState, list: readonly FloatArray[], shape: readonly number[]): MadeGradient {
  for (const array of list) walk.fill(array);
  return listOf(list, shape);
}

export function makeMemory(walk: WalkState): void {
  const kind = walk.one(walk.chance(0.5) ? ["allocated", "shared"] : Object.keys(kinds)) as keyof typeof kinds;
  const type: NumberType = walk.chance(0.5) ? "float32" : "float64";
  const shapes = Array.from({ length: 1 + walk.pick(3) }, () => chooseShape(walk));
  const source = (take: () => void): Source => ({ kind, stays: kinds[kind], alive: true, inFlight: 0, take });
  const track = (name: string, data: FloatArray, grad: FloatArray, from: Source, made?: MadeGradient) => {
    walk.fill(data);
    walk.fill(grad);
    const [expectedGrad, expected] = [grad.slice(), { data: data.slice() }];
    const given = made && { name, data, grad: made.given as never, shape: made.shape };
    walk.parameters.push({ name, data, grad, expectedGrad, expected, source: from, made, given });
  };
  const replicas = walk.chance(0.2) ? 1 + walk.pick(4) : 0;
  if (kind === "allocated" || kind === "shared") {
    const named = shapes.map((shape) => [walk.newName(), shape] as const);
    const parts = named.flatMap(([name, shape]) =>
      partsOf(shape).map((length, i) => [`${name}.${i}`, [length]] as const),
    );
    const model = walk.call("allocate", undefined, () =>
      allocate(Object.fromEntries([...named, ...parts]), {
        ...{ dtype: type as "float64", shared: kind === "shared" },
        ...(replicas > 0 && { replicas }),
      }),
    ) as ReturnType<typeof allocate>;
    const from = source(() => model.dispose());
    for (const [name, shape] of named) {
      const { data, grad } = model.parameters.find((each) => each.name === name) as (typeof model.parameters)[number];
      const factors = partsOf(shape).map((_, i) => model.params[`${name}.${i}`] as FloatArray);
      for (const array of factors) walk.fill(array);
      if (factors.length > 0)
        track(name, data, model.grads[name] as FloatArray, from, madeOfFactors(walk, factors, shape));
      else if (Array.isArray(grad)) track(name, data, data.slice(), from, filledList(walk, grad, shape));
      else track(name, data, grad as FloatArray, from);
    }
    return;
  }
  const ArrayType = arrayType(type);
  const arrays = (shape: readonly number[]) => 2 + replicas + (shape.length === 2 ? factorRows : 0);
  const all = shapes.reduce((sum, shape) => sum + arrays(shape) * sizeOf(shape), 0);
  const bytes = ArrayType.BYTES_PER_ELEMENT * (all + 4 * factorRows * shapes.length);
  const [buffer, take] = bufferOfKind(kind, bytes);
  const from = source(take);
  let offset = 0;
  const next = (length: number) => {
    const array = new ArrayType(buffer as ArrayBuffer, offset, length);
    offset += length * ArrayType.BYTES_PER_ELEMENT;
    return array;
  };
  for (const shape of shapes) {
    const length = sizeOf(shape);
    const [data, grad] = [next(length), next(length)];
    const factors = partsOf(shape).map(next);
    for (const array of factors) walk.fill(array);
    const list = Array.from({ length: replicas }, () => next(length));
    const made =
      factors.length > 0
        ? madeOfFactors(walk, factors, shape)
        : list.length > 0
          ? filledList(walk, list, shape)
          : undefined;
    track(walk.newName(), data, grad, from, made);
  }
}

export function takeMemory(walk: WalkState): void {
  const parameter = walk.one(walk.parameters);
  if (!parameter) return;
  const { source } = parameter;
  const code = isOwn(source) && source.alive && source.inFlight > 0 ? "ERR_STEP_IN_FLIGHT" : undefined;
  if (!isOwn(source) && !source.alive) return;
  walk.call("take memory away", code, source.take);
  if (code === undefined && source.kind !== "growable") source.alive = false;
}

/** Lets go of arrays that no optimizer has, so that they are collected. */
export function forget(walk: WalkState): void {
  const used = new Set(walk.trainees.flatMap(({ entries }) => [...entries.values()].map(({ parameter }) => parameter)));
  walk.parameters = walk.parameters.filter((each) => used.has(each) || (each.source.alive && walk.chance(0.5)));
}

/** Writes gradients; some have a value that is not finite. */
export function writeGradients(walk: WalkState): void {
  const parameter = walk.one(walk.parameters);
  if (!parameter?.source.alive || walk.trainees.some(({ pending }) => pending)) return;
  const { grad, expectedGrad, made } = parameter;
  for (const { found, expected } of made?.parts ?? [{ found: grad, expected: expectedGrad }]) {
    walk.fill(expected);
    if (walk.chance(0.06)) expected[0] = walk.one([Number.NaN, Number.POSITIVE_INFINITY]) as number;
    found.set(expected);
  }
}
