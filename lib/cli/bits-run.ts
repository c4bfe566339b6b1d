import { createSha256 } from "../checkpoint/host.ts";
import { codecs } from "../numbers/codecs.ts";
import type { FloatArray } from "../numbers/typed-array.ts";
import type { StepInfo } from "../optimizer.ts";
import type { GradientFactors } from "../parameters/gradient.ts";
import { type BitsCase, classOf } from "./bits-cases.ts";
import { fillFromPool } from "./bits-inputs.ts";

const steps = 300;

/** A tile and a tail, a vector and a tail, a single element. */
const shapes = [
  [35, 31],
  [1, 67],
  [1, 1],
] as const;

const lists = 3;
const batch = 5;

/** A parameter whose gradient is made anew for each step. */
interface Inputs {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: FloatArray;
  readonly grad: FloatArray | readonly FloatArray[] | GradientFactors;
  /** The arrays that its gradient is made of. */
  readonly given: readonly FloatArray[];
}

function inputsOf({ type, gradients = "arrays" }: BitsCase): Inputs[] {
  const ArrayType = type === "float32" ? Float32Array : Float64Array;
  return shapes.map(([rows, columns], p) => {
    const data = new ArrayType(rows * columns);
    fillFromPool(data, 100_000 + p);
    const common = { name: `p${p}`, shape: [rows, columns], data };
    if (gradients === "factors") {
      const [x, y] = [new ArrayType(batch * rows), new ArrayType(batch * columns)];
      return { ...common, grad: { x, y }, given: [x, y] };
    }
    const given = Array.from({ length: gradients === "lists" ? lists : 1 }, () => new ArrayType(rows * columns));
    return { ...common, grad: gradients === "lists" ? given : (given[0] as FloatArray), given };
  });
}

/** Makes the gradients of a step. */
function fill(inputs: readonly Inputs[], step: number, nonFinite: boolean): void {
  inputs.forEach(({ given }, p) => {
    given.forEach((array, i) => {
      fillFromPool(array, 16 * step + 4 * p + i);
    });
  });
  const first = inputs[0]?.given[0] as FloatArray;
  if (nonFinite && step % 50 === 7) first[step] = Number.NaN;
  if (nonFinite && step % 50 === 21) first[step] = Number.POSITIVE_INFINITY;
}

/** What a step said of itself, as numbers in a fixed order. */
const numbersOf = ({ step, applied, skipped, ...more }: StepInfo): number[] => [
  step,
  Number(applied),
  Number(skipped),
  ...(["accumulated", "gradNorm", "updateNorm", "largestUpdate", "clipped", "nonFinite"] as const).map(
    (name) => more[name] ?? -1,
  ),
];

/**
 * Takes a case's steps on the backend in use. Returns the SHA-256 of the parameters and their state after them, and of what
 * each step said of itself; every NaN is one.
 */
export function digestOf(one: BitsCase): string {
  const inputs = inputsOf(one);
  const optimizer = new (classOf(one.optimizer))(
    inputs.map(({ given: _, ...parameter }) => parameter),
    one.options,
  );
  const hash = createSha256();
  const add = (array: FloatArray, codec = codecs[one.type]) => {
    const bytes = new Uint8Array(array.length * codec.bytesPerElement);
    codec.encode(array, bytes);
    hash.update(bytes);
  };
  try {
    for (let step = 1; step <= steps; step++) {
      fill(inputs, step, one.nonFinite ?? false);
      optimizer.step();
      add(Float64Array.of(...numbersOf(optimizer.lastStep as StepInfo), optimizer.lossScale), codecs.float64);
    }
    for (const { name, data } of inputs) {
      add(data);
      for (const value of Object.values(optimizer.state(name))) if (typeof value === "object") add(value);
    }
  } finally {
    optimizer.dispose();
  }
  return Array.from(hash.digest(), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
