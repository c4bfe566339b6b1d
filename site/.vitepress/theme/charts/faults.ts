// What the figure of known faults shows, computed in the page by the package itself.
import { RMSprop, type RMSpropOptions } from "rmsprop";

/** Steps one float32 parameter over a gradient, and keeps a number of each step. */
function follow<T extends { step(): unknown; dispose(): void }>(
  make: (parameters: { name: string; data: Float32Array; grad: Float32Array }[]) => T,
  steps: number,
  gradient: number,
  before: (optimizer: T, step: number) => void = () => {},
): { readonly places: number[]; readonly moves: number[] } {
  const data = new Float32Array(1);
  const grad = new Float32Array([gradient]);
  const optimizer = make([{ name: "x", data, grad }]);
  const places: number[] = [];
  const moves: number[] = [];
  for (let step = 1; step <= steps; step++) {
    before(optimizer, step);
    const from = data[0] as number;
    optimizer.step();
    places.push(data[0] as number);
    moves.push(Math.abs((data[0] as number) - from));
  }
  optimizer.dispose();
  return { places, moves };
}

export const centeredSteps = 320;
export const centeredGradient = 0.35;

/** The size of each step where the gradient never varies, centered; NaN from where the variance has gone below zero. */
export function centered(options: RMSpropOptions): number[] {
  const all = { centered: true, alpha: 0.95, lr: 0.001, ...options };
  return follow((parameters) => new RMSprop(parameters, all), centeredSteps, centeredGradient).moves;
}

/** Sizes of gradients, twelve for each power of ten. */
export const gradientSizes = Array.from({ length: 97 }, (_, i) => 10 ** (i / 12 - 9));

/** A first step at each size of gradient, in units of lr. At alpha 0 the mean square is the gradient's own. */
export function firstSteps(epsInSqrt: boolean, eps: number): number[] {
  return gradientSizes.map(
    (size) =>
      follow((parameters) => new RMSprop(parameters, { lr: 1, alpha: 0, eps, epsInSqrt }), 1, size).moves[0] as number,
  );
}

export const momentumSteps = 240;
/** From which step on there is momentum, and which not. */
export const switches: Readonly<Record<number, number>> = { 41: 0.9, 101: 0, 161: 0.9 };

function switching(optimizer: { paramGroups: readonly { momentum: number }[] }, step: number): void {
  const momentum = switches[step];
  if (momentum !== undefined) (optimizer.paramGroups[0] as { momentum: number }).momentum = momentum;
}

/** Step sizes in units of lr, where momentum is turned on, off and on again. The gradient is always 1. */
export function momentumOfRMSprop(options: RMSpropOptions): number[] {
  const lr = 2 ** -10;
  const { moves } = follow(
    (parameters) => new RMSprop(parameters, { lr, alpha: 0.5, ...options }),
    momentumSteps,
    1,
    switching as never,
  );
  return moves.map((move) => move / lr);
}
