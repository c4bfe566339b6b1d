// The layers of the network, and the two ways to their gradients: formed by loops as one writes them by hand, or left to
// the step, which makes them of factors.

import type { GradientFactors } from "rmsprop";
import { classCount, memoryOf, pixelCount } from "./digits-data.ts";

export const hiddenCount = 128;

/** Shapes of the weights and biases, as `allocate` takes them. */
export const shapes = {
  w1: [pixelCount, hiddenCount],
  b1: [hiddenCount],
  w2: [hiddenCount, classCount],
  b2: [classCount],
} as const;

export type Name = keyof typeof shapes;

/** An array for each of the weights and biases: their values, or their gradients. */
export type Weights = { readonly [name in Name]: Float32Array };

/** What a backward pass knows of its batch, in the end. */
export interface Pass {
  /** Of all images. */
  readonly images: Float32Array;
  /** Those of the batch's images. */
  readonly places: Uint32Array;
  // A row for each image of the batch.
  readonly hidden: Float64Array;
  readonly hiddenGrad: Float64Array;
  readonly scoresGrad: Float64Array;
}

/** Forms the gradients by loops. */
export function formIn(grads: Weights): (pass: Pass) => void {
  /** One row of the gradient of w1, summed up in double precision. */
  const rowGrad = new Float64Array(hiddenCount);
  return (pass) => {
    formLayer2(pass, grads);
    formLayer1(pass, grads, rowGrad);
  };
}

function formLayer2({ places, hidden, scoresGrad }: Pass, { w2, b2 }: Weights): void {
  w2.fill(0);
  b2.fill(0);
  for (let s = 0; s < places.length; s++) {
    const scores = s * classCount;
    for (let k = 0; k < classCount; k++) b2[k] = (b2[k] as number) + (scoresGrad[scores + k] as number);
    for (let j = 0; j < hiddenCount; j++) {
      const activation = hidden[s * hiddenCount + j] as number;
      if (activation === 0) continue;
      for (let k = 0; k < classCount; k++) {
        const weight = j * classCount + k;
        w2[weight] = (w2[weight] as number) + activation * (scoresGrad[scores + k] as number);
      }
    }
  }
}

function formLayer1({ images, places, hiddenGrad }: Pass, { w1, b1 }: Weights, rowGrad: Float64Array): void {
  // Pixel by pixel rather than image by image: each row of the gradient is written once, with nothing to set to 0 before.
  for (let i = 0; i < pixelCount; i++) {
    rowGrad.fill(0);
    for (let s = 0; s < places.length; s++) {
      const pixel = images[(places[s] as number) * pixelCount + i] as number;
      if (pixel === 0) continue;
      const row = s * hiddenCount;
      for (let j = 0; j < hiddenCount; j++) {
        rowGrad[j] = (rowGrad[j] as number) + pixel * (hiddenGrad[row + j] as number);
      }
    }
    w1.set(rowGrad, i * hiddenCount);
  }
  rowGrad.fill(0);
  for (let s = 0; s < places.length; s++) {
    for (let j = 0; j < hiddenCount; j++) {
      rowGrad[j] = (rowGrad[j] as number) + (hiddenGrad[s * hiddenCount + j] as number);
    }
  }
  b1.set(rowGrad);
}

/** The inputs of both layers and the gradients of their outputs: a row for each image of a batch. */
export interface Rows {
  readonly x1: Float32Array;
  readonly y1: Float32Array;
  readonly x2: Float32Array;
  readonly y2: Float32Array;
}

/** @param shared Whether worker threads are to write them. */
export function allocateRows(batchSize: number, shared: boolean): Rows {
  const rowsOf = (length: number) =>
    new Float32Array(memoryOf(batchSize * length * Float32Array.BYTES_PER_ELEMENT, shared));
  return { x1: rowsOf(pixelCount), y1: rowsOf(hiddenCount), x2: rowsOf(hiddenCount), y2: rowsOf(classCount) };
}

/** Of these a step makes the gradient of each weight and bias. */
export function factorsOf({ x1, y1, x2, y2 }: Rows): { readonly [name in Name]: GradientFactors } {
  return { w1: { x: x1, y: y1 }, b1: { x: null, y: y1 }, w2: { x: x2, y: y2 }, b2: { x: null, y: y2 } };
}

/** Leaves the gradients to the step: writes down what it makes them of. */
export function keepIn({ x1, y1, x2, y2 }: Rows): (pass: Pass) => void {
  return ({ images, places, hidden, hiddenGrad, scoresGrad }) => {
    const count = places.length;
    for (let s = 0; s < count; s++) {
      const image = (places[s] as number) * pixelCount;
      x1.set(images.subarray(image, image + pixelCount), s * pixelCount);
    }
    y1.set(hiddenGrad.subarray(0, count * hiddenCount));
    x2.set(hidden.subarray(0, count * hiddenCount));
    y2.set(scoresGrad.subarray(0, count * classCount));
  };
}
