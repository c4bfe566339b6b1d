import * as tf from "@tensorflow/tfjs";
import { classCount, type Digits, pixelCount } from "../digits-data.ts";
import type { Random } from "../random.ts";

/** Digits as a model takes them: a row for each. */
export interface DigitTensors {
  /** [count, pixelCount] */
  readonly images: tf.Tensor2D;
  /** [count, classCount], 1 at the digit that the image shows. */
  readonly labels: tf.Tensor2D;
}

/** All of these digits. */
export function allDigits({ images, labels }: Digits): DigitTensors {
  return tensors(images, labels);
}

/** A batch drawn from these digits, each draw from all of them. */
export function drawDigits(digits: Digits, count: number, random: Random): DigitTensors {
  const images = new Float32Array(count * pixelCount);
  const labels = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const drawn = Math.floor(random() * digits.labels.length);
    images.set(digits.images.subarray(drawn * pixelCount, (drawn + 1) * pixelCount), i * pixelCount);
    labels[i] = digits.labels[drawn] as number;
  }
  return tensors(images, labels);
}

function tensors(images: Float32Array, labels: Uint8Array): DigitTensors {
  const oneHot = new Float32Array(labels.length * classCount);
  labels.forEach((label, i) => {
    oneHot[i * classCount + label] = 1;
  });
  return {
    images: tf.tensor2d(images, [labels.length, pixelCount]),
    labels: tf.tensor2d(oneHot, [labels.length, classCount]),
  };
}
