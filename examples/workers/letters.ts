// A network that foretells the next letter of a nursery rhyme from those before it: hidden = tanh(letters · w1 + b1), scores
// = hidden · w2 + b2, and the softmax of the scores says how likely each letter is.

import { normal, type Random } from "../random.ts";
import { rhyme } from "../rhyme.ts";

/** How many letters the network sees. */
export const windowLength = 12;
const hiddenCount = 96;
const letters = [...new Set(rhyme)].sort();
const letterCount = letters.length;
const codes = Uint8Array.from(rhyme, (letter) => letters.indexOf(letter));

/** The number of places in the rhyme that have a window before them. */
export const placeCount = codes.length - windowLength;

/** A row of w1 for each letter at each place of the window. */
export const shapes = {
  w1: [windowLength * letterCount, hiddenCount],
  b1: [hiddenCount],
  w2: [hiddenCount, letterCount],
  b2: [letterCount],
} as const;

export type Name = keyof typeof shapes;
export type Weights = { readonly [name in Name]: Float32Array };

const hidden = new Float64Array(hiddenCount);
const probabilities = new Float64Array(letterCount);

/** Glorot's initialisation: of `windowLength` inputs, since all others are 0. */
export function initialize({ w1, w2 }: Weights, random: Random): void {
  for (let i = 0; i < w1.length; i++) w1[i] = normal(random) * Math.sqrt(2 / (windowLength + hiddenCount));
  for (let i = 0; i < w2.length; i++) w2[i] = normal(random) * Math.sqrt(2 / (hiddenCount + letterCount));
}

/** Leaves activations and probabilities of the letter behind a window. */
function forward({ w1, b1, w2, b2 }: Weights, window: Uint8Array): void {
  hidden.set(b1);
  for (let i = 0; i < windowLength; i++) {
    const row = (i * letterCount + (window[i] as number)) * hiddenCount;
    for (let j = 0; j < hiddenCount; j++) hidden[j] = (hidden[j] as number) + (w1[row + j] as number);
  }
  for (let j = 0; j < hiddenCount; j++) hidden[j] = Math.tanh(hidden[j] as number);

  probabilities.set(b2);
  for (let j = 0; j < hiddenCount; j++) {
    const row = j * letterCount;
    for (let k = 0; k < letterCount; k++) {
      probabilities[k] = (probabilities[k] as number) + (hidden[j] as number) * (w2[row + k] as number);
    }
  }
  const highest = Math.max(...probabilities); // less of it, so that no exponential overflows
  let sum = 0;
  for (let k = 0; k < letterCount; k++) {
    probabilities[k] = Math.exp((probabilities[k] as number) - highest);
    sum += probabilities[k] as number;
  }
  for (let k = 0; k < letterCount; k++) probabilities[k] = (probabilities[k] as number) / sum;
}

const windowAt = (place: number) => codes.subarray(place, place + windowLength);
const letterAfter = (place: number) => codes[place + windowLength] as number;

/**
 * Adds gradients to those of other places: of the loss at a place of the rhyme, times a scale.
 * @returns The loss.
 */
export function addGradients(weights: Weights, grads: Weights, place: number, scale: number): number {
  const { w1, b1, w2, b2 } = grads;
  const window = windowAt(place);
  forward(weights, window);
  const loss = -Math.log(probabilities[letterAfter(place)] as number);

  const scoresGrad = probabilities.map(
    (probability, k) => scale * (k === letterAfter(place) ? probability - 1 : probability),
  );
  for (let k = 0; k < letterCount; k++) b2[k] = (b2[k] as number) + (scoresGrad[k] as number);
  for (let j = 0; j < hiddenCount; j++) {
    const activation = hidden[j] as number;
    const row = j * letterCount;
    let grad = 0;
    for (let k = 0; k < letterCount; k++) {
      grad += (weights.w2[row + k] as number) * (scoresGrad[k] as number);
      w2[row + k] = (w2[row + k] as number) + activation * (scoresGrad[k] as number);
    }
    grad *= 1 - activation * activation;
    b1[j] = (b1[j] as number) + grad;
    for (let i = 0; i < windowLength; i++) {
      const weight = (i * letterCount + (window[i] as number)) * hiddenCount + j;
      w1[weight] = (w1[weight] as number) + grad;
    }
  }
  return loss;
}

/** The mean loss over the rhyme, and the share of its letters that are foretold. */
export function evaluate(weights: Weights): { loss: number; right: number } {
  let [loss, right] = [0, 0];
  for (let place = 0; place < placeCount; place++) {
    forward(weights, windowAt(place));
    loss -= Math.log(probabilities[letterAfter(place)] as number);
    if (likeliest() === letterAfter(place)) right++;
  }
  return { loss: loss / placeCount, right: right / placeCount };
}

/** Goes on after the beginning of the rhyme, each time with the likeliest letter. */
export function write(weights: Weights, length: number): string {
  const text = [...codes.subarray(0, windowLength)];
  while (text.length < length) {
    forward(weights, Uint8Array.from(text.slice(-windowLength)));
    text.push(likeliest());
  }
  return text.map((code) => letters[code]).join("");
}

const likeliest = () => probabilities.indexOf(Math.max(...probabilities));
