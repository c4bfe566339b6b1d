import { codecs } from "../numbers/codecs.ts";
import { mulberry32 } from "../numbers/random.ts";
import { type FloatArray, type NumberType, numberTypeOf } from "../numbers/typed-array.ts";
import type { OptimizerName, PathSettings, RunSettings } from "./settings.ts";
import { surfaces } from "./surfaces.ts";

/** A parameter of two elements. */
interface Position {
  readonly name: string;
  readonly data: FloatArray;
  readonly grad: FloatArray;
}

/** An optimizer's class, as far as a path needs it. */
type OptimizerClass = new (
  parameters: Position[],
  // biome-ignore lint/suspicious/noExplicitAny: the constructor checks them
  options: any,
) => { step(): unknown; dispose(): void };

/** The classes by their names: the package as a program imports it, whatever it runs on. */
export type Optimizers = Readonly<Record<OptimizerName, OptimizerClass>>;

/**
 * The points that an optimizer comes to, x and y after one another, the start first: 2 * (steps + 1) numbers. Wherever the
 * classes run, and on whatever, the bits are the same, but for those of a NaN.
 * @throws OptimError of the optimizer's constructor, for options that it does not take.
 */
export function pathOf(settings: PathSettings, run: RunSettings, optimizers: Optimizers): FloatArray {
  const { steps, seed, dtype } = settings;
  const { gradient, noise } = surfaces[settings.surface];
  const ArrayType = dtype === "float32" ? Float32Array : Float64Array;
  const data = new ArrayType(settings.start);
  const grad = new ArrayType(2);
  const random = mulberry32(seed);
  const points = new ArrayType(2 * (steps + 1));
  points.set(data);
  const optimizer = new optimizers[run.optimizer]([{ name: "position", data, grad }], run.options);
  try {
    for (let step = 1; step <= steps; step++) {
      const [x, y] = gradient(data[0] as number, data[1] as number);
      // Without noise, x + 0 would be another bit where x is -0.
      grad[0] = noise === 0 ? x : x + noise * (2 * random() - 1);
      grad[1] = noise === 0 ? y : y + noise * (2 * random() - 1);
      optimizer.step();
      points.set(data, 2 * step);
    }
  } finally {
    optimizer.dispose();
  }
  return points;
}

/** The path of each run. */
export const pathsOf = (settings: PathSettings, optimizers: Optimizers): FloatArray[] =>
  settings.runs.map((run) => pathOf(settings, run, optimizers));

/** The bytes of paths, one after the other, to hash: little-endian, every NaN being one. */
export function bytesOf(paths: readonly FloatArray[]): Uint8Array {
  const bytes = new Uint8Array(paths.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let at = 0;
  for (const path of paths) {
    codecs[numberTypeOf(path) as NumberType].encode(path, bytes.subarray(at));
    at += path.byteLength;
  }
  return bytes;
}
