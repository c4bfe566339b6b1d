// The lines of a function's height, as paths of SVG.
import { contours } from "d3-contour";
import type { Surface } from "../../../../lib/paths/index.ts";

/** The side of the picture, in its own units. */
export const size = 560;

const cells = 112;
const levels = 15;

export interface Frame {
  x(value: number): number;
  y(value: number): number;
  /** The point of the plane at a place of the picture. */
  point(left: number, top: number): [x: number, y: number];
}

export function frameOf({ domain: { x, y } }: Surface): Frame {
  const across = size / (x[1] - x[0]);
  const up = size / (y[1] - y[0]);
  return {
    x: (value) => (value - x[0]) * across,
    y: (value) => (y[1] - value) * up,
    point: (left, top) => [x[0] + left / across, y[1] - top / up],
  };
}

/** Areas above each level, from the lowest: closer together near the bottom, where steps become small. */
export function areasOf(surface: Surface): string[] {
  const frame = frameOf(surface);
  const side = size / cells;
  const values = Array.from({ length: cells * cells }, (_, i) => {
    const [x, y] = frame.point(((i % cells) + 0.5) * side, (Math.floor(i / cells) + 0.5) * side);
    return surface.value(x, y);
  });
  const low = Math.min(...surface.minima.map(([x, y]) => surface.value(x, y)));
  const high = Math.max(...values);
  const thresholds = Array.from({ length: levels }, (_, i) => low + (high - low) * ((i + 0.35) / levels) ** 3);
  const place = (value: number) => (value * side).toFixed(1);
  return contours()
    .size([cells, cells])
    .thresholds(thresholds)(values)
    .map(({ coordinates }) =>
      coordinates
        .flat()
        .map((ring) => `M${ring.map(([x = 0, y = 0]) => `${place(x)} ${place(y)}`).join("L")}Z`)
        .join(""),
    );
}

/** A path's line up to a step; it ends where numbers do. */
export function lineOf(points: ArrayLike<number>, upTo: number, frame: Frame): string {
  let line = "";
  for (let step = 0; step <= upTo; step++) {
    const [x, y] = [points[2 * step] as number, points[2 * step + 1] as number];
    if (!Number.isFinite(x) || !Number.isFinite(y)) break;
    // Far outside nothing is seen, and SVG has its limits.
    const [left, top] = [frame.x(x), frame.y(y)].map((value) => Math.max(-5000, Math.min(5000, value)));
    line += `${line === "" ? "M" : "L"}${left?.toFixed(2)} ${top?.toFixed(2)}`;
  }
  return line;
}
