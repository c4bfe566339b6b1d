import { createRequire } from "node:module";
import { type Random, shuffle } from "./random.ts";

const side = 28;
export const pixelCount = side * side;
export const classCount = 10;

/** Images of digits and what they show. */
export interface Digits {
  /** The images one after another, `pixelCount` pixels each, from 0 (paper) to 1 (ink). */
  readonly images: Float32Array;
  /** The digit that each image shows. */
  readonly labels: Uint8Array;
}

/**
 * Loads the 10,000 handwritten digits of the package `mnist`, puts them in random order, and splits them.
 * @param trainCount How many to train on; the others are held out.
 */
export function loadDigits(trainCount: number, random: Random): { train: Digits; test: Digits } {
  const all = readDigits();
  const order = Uint32Array.from(all.labels.keys());
  if (order.length <= trainCount) {
    throw new Error(`Expected the package mnist to hold more than ${trainCount} digits, but it holds ${order.length}.`);
  }
  // The package keeps the digits sorted by class, so that without a shuffle the split would hold out the nines.
  shuffle(order, random);
  return { train: pick(all, order.subarray(0, trainCount)), test: pick(all, order.subarray(trainCount)) };
}

/** Reads the package's files: one for each class, its images in one flat list. */
function readDigits(): Digits {
  // The package's own entry point splits with Math.random, and not all of the digits.
  const require = createRequire(import.meta.url);
  const byClass = Array.from({ length: classCount }, (_, label) => {
    const file = `mnist/src/digits/${label}.json`;
    const { data } = require(file) as { data: number[] };
    if (data.length % pixelCount !== 0) {
      throw new Error(`Expected ${file} to hold images of ${pixelCount} pixels, but it holds ${data.length} pixels.`);
    }
    return data;
  });

  const count = byClass.reduce((sum, data) => sum + data.length, 0) / pixelCount;
  const images = new Float32Array(count * pixelCount);
  const labels = new Uint8Array(count);
  let next = 0;
  byClass.forEach((data, label) => {
    images.set(data, next * pixelCount);
    const end = next + data.length / pixelCount;
    labels.fill(label, next, end);
    next = end;
  });
  return { images, labels };
}

/** The digits at these places, in this order. */
function pick({ images, labels }: Digits, places: Uint32Array): Digits {
  const picked = new Float32Array(places.length * pixelCount);
  places.forEach((place, i) => {
    picked.set(images.subarray(place * pixelCount, (place + 1) * pixelCount), i * pixelCount);
  });
  return { images: picked, labels: Uint8Array.from(places, (place) => labels[place] as number) };
}

/**
 * Copies images, each moved by up to one pixel across and down, so that no epoch shows the network the same ones again.
 * @param target As long as `images`.
 */
export function jitter(images: Float32Array, target: Float32Array, random: Random): void {
  for (let image = 0; image < images.length; image += pixelCount) {
    const across = Math.floor(random() * 3) - 1;
    const down = Math.floor(random() * 3) - 1;
    for (let y = 0; y < side; y++) {
      for (let x = 0; x < side; x++) {
        const fromY = y - down;
        const fromX = x - across;
        const inside = fromY >= 0 && fromY < side && fromX >= 0 && fromX < side;
        target[image + y * side + x] = inside ? (images[image + fromY * side + fromX] as number) : 0;
      }
    }
  }
}

/** Memory for arrays. @param shared Whether worker threads are to have it too. */
export function memoryOf(byteLength: number, shared: boolean): ArrayBuffer | SharedArrayBuffer {
  return shared ? new SharedArrayBuffer(byteLength) : new ArrayBuffer(byteLength);
}
