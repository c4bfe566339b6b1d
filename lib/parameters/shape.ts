import { OptimError } from "../errors.ts";
import { show, showList } from "../values/show.ts";

/** The number of elements of a shape; NaN where a dimension is not a whole number of 0 or more. */
export function sizeOf(shape: readonly unknown[]): number {
  let size = 1;
  for (let i = 0; i < shape.length; i++) {
    const value = shape[i];
    size *= Number.isInteger(value) && Number(value) >= 0 ? Number(value) : Number.NaN;
  }
  return size;
}

/** A shape in words, whatever was given for one. */
export function showShape(shape: unknown): string {
  return Array.isArray(shape) ? showList(shape) : show(shape);
}

/**
 * The number of elements of a parameter whose length only its shape tells.
 * @throws OptimError ERR_LENGTH.
 */
export function checkedSize(shape: unknown, name: string): number {
  const size = Array.isArray(shape) ? sizeOf(shape) : Number.NaN;
  if (Number.isSafeInteger(size)) return size;
  throw new OptimError(
    "ERR_LENGTH",
    `Expected the shape of '${name}' to be a list of dimensions, each a whole number of 0 or more, ` +
      `but it is ${showShape(shape)}.`,
  );
}

export function checkShape(shape: unknown, name: string, length: number): readonly number[] {
  if (!Array.isArray(shape) || sizeOf(shape) !== length) {
    throw new OptimError(
      "ERR_LENGTH",
      `Expected the shape of '${name}' to be dimensions whose product is its ${length} elements, ` +
        `but it is ${showShape(shape)}.`,
    );
  }
  return Object.freeze(shape);
}
