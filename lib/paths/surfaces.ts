// Functions of two variables to watch optimizers on. They and their gradients use + - * / alone, each rounded once to double,
// so that every runtime computes the same bits of them.

export type Point = readonly [x: number, y: number];

/** A function to descend. */
export interface Surface {
  /** A few words for people. */
  readonly title: string;
  /** The function, for people. */
  readonly formula: string;
  /** The part of the plane to show: from and to, of each coordinate. */
  readonly domain: { readonly x: Point; readonly y: Point };
  /** A point to start from. */
  readonly start: Point;
  readonly minima: readonly Point[];
  /** Each component of a gradient is off by a uniform number between minus and plus this; 0 for none. */
  readonly noise: number;
  value(x: number, y: number): number;
  /** Without the noise. */
  gradient(x: number, y: number): Point;
}

export type SurfaceName = "valley" | "saddle" | "scales" | "noise";

export const surfaces: Readonly<Record<SurfaceName, Surface>> = {
  valley: {
    title: "a narrow valley",
    formula: "(1 − x)² + 20 (y − x²)²",
    domain: { x: [-2, 2], y: [-1, 3] },
    start: [-1.5, 2.5],
    minima: [[1, 1]],
    noise: 0,
    value: (x, y) => (1 - x) * (1 - x) + 20 * (y - x * x) * (y - x * x),
    gradient: (x, y) => [-2 * (1 - x) - 80 * x * (y - x * x), 40 * (y - x * x)],
  },
  saddle: {
    title: "a saddle",
    formula: "x² ∕ 2 − y² ∕ 2 + y⁴ ∕ 4",
    domain: { x: [-2, 2], y: [-2, 2] },
    start: [1.75, 0.01],
    minima: [
      [0, -1],
      [0, 1],
    ],
    noise: 0,
    value: (x, y) => (x * x - y * y) / 2 + (y * y * (y * y)) / 4,
    gradient: (x, y) => [x, y * y * y - y],
  },
  scales: {
    title: "unequal scales",
    formula: "(x² + 100 y²) ∕ 2",
    domain: { x: [-2, 2], y: [-2, 2] },
    start: [-1.75, 1.5],
    minima: [[0, 0]],
    noise: 0,
    value: (x, y) => (x * x + 100 * y * y) / 2,
    gradient: (x, y) => [x, 100 * y],
  },
  noise: {
    title: "noise",
    formula: "(x² + 4 y²) ∕ 2, its gradients off by up to 4",
    domain: { x: [-2, 2], y: [-2, 2] },
    start: [-1.75, 1.5],
    minima: [[0, 0]],
    noise: 4,
    value: (x, y) => (x * x + 4 * y * y) / 2,
    gradient: (x, y) => [x, 4 * y],
  },
};
