// Gradients that are made, by the kernels in WebAssembly.
import { float32, float64 } from "../../numbers/arithmetic.ts";
import { bytesPerElement } from "../../numbers/storage.ts";
import { copyInto, type FloatArray, type NumberType } from "../../numbers/typed-array.ts";
import { maxSums, tileSize } from "../limits.ts";
import { leftOf, makeGradient } from "../made-source.ts";
import { type Factors, isFactors, type MadeSource, type SourcePart } from "../source.ts";
import type { StageKernels } from "./kernels.ts";
import { arrayTypes, viewFrom } from "./views.ts";

const { floor, min } = Math;

const lineBytes = 64;

const arithmetics = { float32, float64 } as const;

/** Sums other than the first, then the factors on the left and on the right. */
const placeCount = maxSums - 1 + 2;

/**
 * Gradients that are made, by the kernels: their parts are copied in, a window of elements at a time. What is made of
 * factors is made in blocks, of rows and of columns, whose factors have room.
 */
export class GradientMaker {
  readonly #buffer: ArrayBuffer;
  readonly #stages: Readonly<Record<NumberType, StageKernels>>;
  readonly #placeBytes: number;
  /** The address of native/backend.hpp's Factors. */
  readonly #factors: number;
  readonly #words: Uint32Array;
  /** Addresses of the sums by their depth in the tree; of the first, that of the gradient. */
  readonly #sums: number[];
  readonly #left: number;
  readonly #right: number;

  /** The memory that it takes, in bytes. */
  static bytes(placeBytes: number): number {
    return lineBytes + placeCount * (placeBytes + lineBytes);
  }

  /** @param placeBytes The most bytes of a window. */
  constructor(
    buffer: ArrayBuffer,
    start: number,
    placeBytes: number,
    stages: Readonly<Record<NumberType, StageKernels>>,
  ) {
    this.#buffer = buffer;
    this.#stages = stages;
    this.#placeBytes = placeBytes;
    this.#factors = start;
    this.#words = new Uint32Array(buffer, start, 5);
    const at = (place: number) => start + lineBytes + place * (placeBytes + lineBytes);
    this.#sums = Array.from({ length: maxSums }, (_, depth) => at(depth - 1));
    this.#left = at(maxSums - 1);
    this.#right = at(maxSums);
  }

  /** Makes elements [begin, begin + count) of a gradient at an address. */
  make(to: number, { parts, divisor }: MadeSource, type: NumberType, begin: number, count: number): void {
    this.#sums[0] = to;
    this.#sum(0, parts, 0, parts.length, type, begin, count);
    if (divisor === 1) return;
    const bytes = bytesPerElement[type];
    for (let i = 0; i < count; i += tileSize) {
      this.#stages[type].divide(to + i * bytes, to + i * bytes, min(tileSize, count - i), divisor);
    }
  }

  /** The sum of parts [first, first + size). */
  #sum(
    depth: number,
    parts: readonly SourcePart[],
    first: number,
    size: number,
    type: NumberType,
    begin: number,
    count: number,
  ): void {
    const to = this.#sums[depth] as number;
    if (size === 1) {
      const part = parts[first] as SourcePart;
      if (isFactors(part)) this.#multiply(to, part, type, begin, count);
      else copyInto(this.#view(to, type, count), viewFrom(part.array, type, begin, count));
      return;
    }
    const half = leftOf(size);
    this.#sum(depth, parts, first, half, type, begin, count);
    this.#sum(depth + 1, parts, first + half, size - half, type, begin, count);
    const right = this.#sums[depth + 1] as number;
    const bytes = bytesPerElement[type];
    for (let i = 0; i < count; i += tileSize) {
      const left = to + i * bytes;
      this.#stages[type].add(left, left, right + i * bytes, min(tileSize, count - i));
    }
  }

  #view(address: number, type: NumberType, count: number): FloatArray {
    return new arrayTypes[type](this.#buffer, address, count);
  }

  #multiply(to: number, factors: Factors, type: NumberType, begin: number, count: number): void {
    const { batch, columns } = factors;
    const bytes = bytesPerElement[type];
    /** The most rows, and the most columns, of a block. */
    const most = batch === 0 ? this.#placeBytes : floor(this.#placeBytes / bytes / batch);
    if (most === 0) {
      this.#multiplySlowly(to, factors, type, begin, count);
      return;
    }
    const end = begin + count;
    const width = min(columns, most);
    for (let row = floor(begin / columns); row * columns < end; row += most) {
      const rows = min(most, floor((end - 1) / columns) + 1 - row);
      this.#copyLeft(factors, type, row, rows);
      for (let column = 0; column < columns; column += width) {
        const within = min(width, columns - column);
        if (within === columns) {
          const from = row * columns < begin ? begin : row * columns;
          this.#copyRight(factors, type, 0, columns);
          this.#block(to + (from - begin) * bytes, type, from - row * columns, min(end, (row + rows) * columns) - from);
          continue;
        }
        let copied = false;
        for (let r = 0; r < rows; r++) {
          const first = (row + r) * columns + column;
          const from = first < begin ? begin : first;
          const size = min(end, first + within) - from;
          if (size <= 0) continue;
          if (!copied) this.#copyRight(factors, type, column, within);
          copied = true;
          this.#block(to + (from - begin) * bytes, type, r * within + (from - first), size);
        }
      }
    }
  }

  /** Makes elements of the block whose factors are there, from one on, a tile at a time. */
  #block(to: number, type: NumberType, first: number, count: number): void {
    const bytes = bytesPerElement[type];
    for (let i = 0; i < count; i += tileSize) {
      this.#stages[type].multiply(to + i * bytes, this.#factors, first + i, min(tileSize, count - i));
    }
  }

  /** Copies in the factors of some rows. */
  #copyLeft({ left, batch, rows }: Factors, type: NumberType, row: number, count: number): void {
    const words = this.#words;
    words[0] = left ? this.#left : 0;
    words[2] = batch;
    words[3] = count;
    if (!left) return;
    const view = this.#view(this.#left, type, batch * count);
    for (let b = 0; b < batch; b++) {
      for (let r = 0; r < count; r++) view[b * count + r] = left[b * rows + row + r] as number;
    }
  }

  /** Copies in the factors of some columns. */
  #copyRight({ right, batch, columns }: Factors, type: NumberType, column: number, count: number): void {
    const words = this.#words;
    words[1] = this.#right;
    words[4] = count;
    if (count === columns) {
      copyInto(this.#view(this.#right, type, batch * count), viewFrom(right, type, 0, batch * count));
      return;
    }
    for (let b = 0; b < batch; b++) {
      const at = this.#right + b * count * bytesPerElement[type];
      copyInto(this.#view(at, type, count), viewFrom(right, type, b * columns + column, count));
    }
  }

  /** Makes it in place, where not even one column of the batch has room. */
  #multiplySlowly(to: number, factors: Factors, type: NumberType, begin: number, count: number): void {
    makeGradient([this.#view(to, type, count)], { parts: [factors], divisor: 1 }, arithmetics[type], begin, count);
  }
}
