// A walk's memory: made in every kind there is, written, taken away, forgotten.
import { allocate } from "../../../lib/index.ts";
import type { FloatArray, NumberType } from "../../../lib/numbers/typed-array.ts";
import { arrayType } from "../arena.ts";
import { growable, resizable } from "../arrays.ts";
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

export function makeMemory(walk: WalkState): void {
  const kind = walk.one(walk.chance(0.5) ? ["allocated", "shared"] : Object.keys(kinds)) as keyof typeof kinds;
  const type: NumberType = walk.chance(0.5) ? "float32" : "float64";
  const lengths = Array.from({ length: 1 + walk.pick(3) }, () => walk.pick(walk.chance(0.003) ? 1100 : 12));
  const source = (take: () => void): Source => ({ kind, stays: kinds[kind], alive: true, inFlight: 0, take });
  const track = (name: string, data: FloatArray, grad: FloatArray, from: Source) => {
    walk.fill(data);
    walk.fill(grad);
    const [expectedGrad, expected] = [grad.slice(), { data: data.slice() }];
    walk.parameters.push({ name, data, grad, expectedGrad, expected, source: from });
  };
  if (kind === "allocated" || kind === "shared") {
    const shapes = Object.fromEntries(lengths.map((length) => [walk.newName(), [length]]));
    const model = walk.call("allocate", undefined, () =>
      allocate(shapes, { dtype: type as "float64", shared: kind === "shared" }),
    ) as ReturnType<typeof allocate>;
    const from = source(() => model.dispose());
    for (const { name, data, grad } of model.parameters) track(name, data, grad as FloatArray, from);
    return;
  }
  const ArrayType = arrayType(type);
  const bytes = ArrayType.BYTES_PER_ELEMENT * lengths.reduce((sum, length) => sum + 2 * length, 0);
  const [buffer, take] = bufferOfKind(kind, bytes);
  const from = source(take);
  let offset = 0;
  const next = (length: number) => {
    const array = new ArrayType(buffer as ArrayBuffer, offset, length);
    offset += length * ArrayType.BYTES_PER_ELEMENT;
    return array;
  };
  for (const length of lengths) track(walk.newName(), next(length), next(length), from);
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
  const { grad, expectedGrad } = parameter;
  walk.fill(expectedGrad);
  if (walk.chance(0.06)) expectedGrad[0] = walk.one([Number.NaN, Number.POSITIVE_INFINITY]) as number;
  grad.set(expectedGrad);
}
