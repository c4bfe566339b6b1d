// Gradients as a user gives them, beside a single array: read once, checked, and turned into what a backend takes.

import { maxParts } from "../backends/limits.ts";
import { type ArraySource, type Factors, type GradientSource, isFactors, type SourcePart } from "../backends/source.ts";
import { OptimError } from "../errors.ts";
import { bufferOf, type FloatArray, lengthOf, type NumberType } from "../numbers/typed-array.ts";
import { show } from "../values/show.ts";
import { isRecord } from "../values/values.ts";
import { didYouMean, meantKey } from "../values/words.ts";
import { type Checked, checkArray, checkArrayOf } from "./array.ts";
import { checkBatch, divisorOf, noteGiven, rowsIn } from "./standing.ts";

/**
 * The factors of a dense layer's gradient, which a step multiplies while it steps, so that the gradient itself is never
 * formed: for each row `b` of a batch `x[b][i] * y[b][j]`, summed over the batch in order from +0, each product and each sum
 * rounded to the parameter's number type. The parameter has a shape of two dimensions, `[in, out]`, which the lengths of x
 * and y must fit. Steps only read x and y, and no `zeroGrad()` sets them to zero.
 * @example
 * ```js
 * import { SGD } from "rmsprop";
 *
 * const x = Float32Array.of(1, 2, 3, 4); // the inputs of a layer, two rows of two
 * const y = Float32Array.of(1, 0, -1, 2, 2, 2); // the gradient of its outputs, two rows of three
 * const grad = { x, y, batch: 2 };
 * const w = { name: "w", shape: [2, 3], data: new Float32Array(6), grad };
 * const b = { name: "b", data: new Float32Array(3), grad: { x: null, y } };
 * const optimizer = new SGD([w, b], { lr: 1 });
 * optimizer.step();
 * console.log(w.data, b.data); // Float32Array(6) [ -7, -6, -5, -10, -8, -6 ] Float32Array(3) [ -3, -2, -1 ]
 * grad.batch = 1; // the last batch of an epoch has one row
 * optimizer.step();
 * console.log(w.data[0]); // -8
 * ```
 */
export interface GradientFactors {
  /** The layer's inputs, batch × in, of the parameter's number type; null stands for ones, which makes a bias's gradient. */
  readonly x: FloatArray | null;
  /** The gradient of the layer's outputs, batch × out. */
  readonly y: FloatArray;
  /**
   * The rows of both that count, from the first on; 0 for none. Default all that `y` has; then `x` has as many or more. Of
   * factors that a parameter is given with it may be assigned between steps.
   */
  batch?: number;
  /** Whether the parameter lies the other way round, `[out, in]`. Default false. */
  readonly transposed?: boolean;
}

/**
 * A gradient that a step makes: factors, or a list of 1 to 64 arrays and factors, of which it is the sum. The sum is added in
 * a balanced tree, the largest power of two below their number on the left: (0 + 1) + 2, (0 + 1) + (2 + 3).
 * @example
 * ```js
 * import { SGD } from "rmsprop";
 *
 * const data = new Float32Array(2);
 * const halves = [Float32Array.of(1, 2), Float32Array.of(10, 20)]; // of two halves of a batch
 * const optimizer = new SGD([{ name: "w", shape: [1, 2], data, grad: halves }], { lr: 1, zeroGrads: true });
 * optimizer.step();
 * console.log(data, halves[1]); // Float32Array(2) [ -11, -22 ] Float32Array(2) [ 0, 0 ]
 * optimizer.step({ w: { grad: { x: Float32Array.of(3), y: Float32Array.of(1, 0) } } }); // for one call
 * console.log(data); // Float32Array(2) [ -14, -22 ]
 * ```
 */
export type MadeGradient = GradientFactors | readonly (FloatArray | GradientFactors)[];

/** A gradient that is made, as the user gave it: each property read once, not checked. */
export class RawGradient {
  /** What the user gave. */
  readonly given: object;
  /** Factors, or what must be an array. */
  readonly parts: readonly unknown[];
  /** The length of a list; of one that is too long not all parts are read. */
  readonly count: number;
  readonly isList: boolean;

  constructor(given: object, parts: readonly unknown[], count: number, isList: boolean) {
    this.given = given;
    this.parts = parts;
    this.count = count;
    this.isList = isList;
  }
}

const keys: readonly string[] = ["x", "y", "batch", "transposed"];

/** Factors as the user gave them: each property read once, not checked. */
class TakenFactors {
  readonly given: object;
  readonly others: readonly string[];
  readonly x: unknown;
  readonly y: unknown;
  readonly batch: unknown;
  readonly transposed: unknown;

  constructor(given: object) {
    const { x, y, batch, transposed } = given as Partial<GradientFactors>;
    this.given = given;
    this.others = Object.keys(given).filter((key) => !keys.includes(key));
    this.x = x;
    this.y = y;
    this.batch = batch;
    this.transposed = transposed;
  }
}

const hasFactors = (given: unknown): given is object => isRecord(given) && ("x" in given || "y" in given);

const takePart = (given: unknown): unknown => (hasFactors(given) ? new TakenFactors(given) : given);

/** Reads a gradient. What is no list and no object with factors stays as it is. Afterwards no user code is left to run. */
export function takeGradient(given: unknown): unknown {
  if (Array.isArray(given)) {
    const { length } = given;
    const parts: unknown[] = [];
    for (let i = 0; i < length && i < maxParts; i++) parts.push(takePart(given[i]));
    return new RawGradient(given, parts, length, true);
  }
  return hasFactors(given) ? new RawGradient(given, [takePart(given)], 1, false) : given;
}

/** The parameter that a gradient is of. */
export interface Target {
  readonly name: string;
  readonly type: NumberType;
  readonly length: number;
  readonly shape: readonly number[] | undefined;
}

/**
 * Checks a gradient that is made. No user code runs here.
 * @throws OptimError ERR_DTYPE, ERR_LENGTH, ERR_DETACHED or ERR_OPTION.
 */
export function checkGradient(raw: RawGradient, target: Target, checked: Checked): GradientSource {
  const { parts, count, isList } = raw;
  const { name } = target;
  if (isList && typeof parts[0] === "number") checkArray(raw.given, "gradient", name, checked); // refuses plain numbers
  if (count === 0 || count > maxParts) {
    throw new OptimError(
      "ERR_LENGTH",
      `Expected the gradients of '${name}' to be a list of 1 to ${maxParts}, but there are ${count}.`,
    );
  }
  const source = {
    divisor: isList ? divisorOf(raw.given) : 1,
    parts: parts.map((part, i) => {
      const kind = isList ? `gradient ${i}` : "gradient";
      return part instanceof TakenFactors
        ? checkFactors(part, target, kind, checked)
        : checkPart(part, target, kind, checked);
    }),
  };
  if (isList) noteGiven(source, raw.given);
  return source;
}

function checkPart(part: unknown, { name, type, length }: Target, kind: string, checked: Checked): ArraySource {
  checkArrayOf(part, kind, name, type, length, checked);
  const array = part as FloatArray;
  return { array, storage: type, buffer: bufferOf(array) };
}

function checkFactors(
  { given, others, x, y, batch, transposed = false }: TakenFactors,
  target: Target,
  kind: string,
  checked: Checked,
): Factors {
  const { name } = target;
  const refuse = (sentence: string): never => {
    throw new OptimError("ERR_DTYPE", `Expected the ${kind} of '${name}' to be ${sentence}`);
  };
  const [other] = others;
  if (other !== undefined) {
    refuse(`{ x, y, batch, transposed }, but it has ${show(other)}${didYouMean(meantKey(other, keys))}`);
  }
  if (typeof transposed !== "boolean")
    refuse(`factors with true or false for 'transposed', but it is ${show(transposed)}.`);
  if (x !== null) checkTyped(x, `x of the ${kind}`, target, checked);
  checkTyped(y, `y of the ${kind}`, target, checked);
  const [inputs, outputs] = dimensionsOf(target, x === null, transposed as boolean, kind);
  const rows = Math.min(
    x === null ? Number.POSITIVE_INFINITY : rowsOf(x as FloatArray, inputs, `x of the ${kind}`, name),
    rowsOf(y as FloatArray, outputs, `y of the ${kind}`, name),
  );
  const own = rowsIn(lengthOf(y as FloatArray), outputs);
  const count = batch === undefined ? (Number.isFinite(own) ? own : 0) : batch;
  if (batch === undefined && own !== Number.POSITIVE_INFINITY && rows < own) {
    throw new OptimError(
      "ERR_LENGTH",
      `Expected x of the ${kind} of '${name}' to have as many rows as y, ${own}, or a batch, but it has ${rows}.`,
    );
  }
  checkBatch(count, rows, `the ${kind} of '${name}'`);
  const isFlipped = transposed === true && x !== null;
  const [left, right] = (isFlipped ? [y, x] : [x, y]) as readonly [FloatArray | null, FloatArray];
  const factors = {
    ...{ left, right, batch: count as number, transposed: isFlipped },
    ...(isFlipped ? { rows: outputs, columns: inputs } : { rows: inputs, columns: outputs }),
    ...{ leftLength: left === null ? 0 : lengthOf(left), rightLength: lengthOf(right) },
  };
  noteGiven(factors, given);
  return factors;
}

function checkTyped(array: unknown, kind: string, { name, type }: Target, checked: Checked): void {
  const found = checkArray(array, kind, name, checked);
  if (found === type) return;
  throw new OptimError(
    "ERR_DTYPE",
    `Expected the ${kind} of '${name}' to be ${type} like its data, but it is ${found}.`,
  );
}

/** The numbers of a layer's inputs and outputs. */
function dimensionsOf(
  { name, length, shape }: Target,
  isBias: boolean,
  transposed: boolean,
  kind: string,
): readonly [number, number] {
  // Of any shape: what is added to each row of a batch may be a table of positions too.
  if (isBias) return [1, length];
  if (shape?.length !== 2) {
    throw new OptimError(
      "ERR_LENGTH",
      `Expected '${name}' to have a shape of two dimensions, because its ${kind} is made of factors, but it has ` +
        `${shape ? `[${shape}]` : "none"}.`,
    );
  }
  const [first, second] = shape as readonly [number, number];
  return transposed ? [second, first] : [first, second];
}

/** The number of rows that an array has; any, where they have no element. */
function rowsOf(array: FloatArray, columns: number, kind: string, name: string): number {
  const length = lengthOf(array);
  if (columns === 0 ? length === 0 : length % columns === 0) return rowsIn(length, columns);
  throw new OptimError(
    "ERR_LENGTH",
    `Expected the ${kind} of '${name}' to have rows of ${columns} elements, but it has ${length} elements.`,
  );
}

/** An array of a part of a gradient, with its kind in errors and the length that it had when it was given. */
type PartArray = readonly [array: FloatArray, kind: string, length: number];

/** @param length That of the parameter. */
export function arraysOfPart(part: SourcePart, kind: string, length: number): readonly PartArray[] {
  if (!isFactors(part)) return [[part.array, kind, length]];
  const { left, right, leftLength, rightLength, transposed } = part;
  const [ofLeft, ofRight] = transposed ? ["y", "x"] : ["x", "y"];
  const last: PartArray = [right, `${ofRight} of the ${kind}`, rightLength];
  return left ? [[left, `${ofLeft} of the ${kind}`, leftLength], last] : [last];
}
