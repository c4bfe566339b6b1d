// Sources of gradients as memory: they are watched, compared with other arrays, and set to zero.
import type { Backend, GradientSource } from "../backends/backend.ts";
import type { Liveness } from "../memory/liveness.ts";
import { type Interval, intervalOf, type Stretch, stretch } from "../memory/overlap.ts";
import { fillWith } from "../numbers/typed-array.ts";

export function watchSource(
  liveness: Liveness,
  { array, storage, buffer }: GradientSource,
  length: number,
  name: string,
): void {
  liveness.watch(array, length, storage, "gradient", name, buffer);
}

export function intervalOfSource(
  backend: Backend,
  { array, storage }: GradientSource,
  length: number,
  written: boolean,
  name: string,
): Interval {
  return intervalOf(backend, array, length, storage, written, "gradient", name);
}

export function stretchSource(
  stretches: Stretch[],
  backend: Backend,
  { array, storage, buffer }: GradientSource,
  length: number,
): void {
  stretch(stretches, backend, array, storage, length, buffer);
}

export function zeroSource({ array }: GradientSource): void {
  fillWith(array, 0);
}
