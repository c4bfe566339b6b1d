import { classCount, type Digits, pixelCount } from "./digits-data.ts";
import { hiddenCount, type Pass, type Weights } from "./layers.ts";
import { normal, type Random } from "./random.ts";

/** He's initialisation keeps the variance of a layer with relu what its input's was. Biases stay at 0. */
export function initialize({ w1, w2 }: Weights, random: Random): void {
  for (let i = 0; i < w1.length; i++) w1[i] = normal(random) * Math.sqrt(2 / pixelCount);
  for (let i = 0; i < w2.length; i++) w2[i] = normal(random) * Math.sqrt(2 / hiddenCount);
}

/**
 * A network of two layers: hidden = relu(pixels · w1 + b1), scores = hidden · w2 + b2. Its probabilities are the softmax
 * of the scores, its loss is their cross-entropy.
 */
export class Network {
  readonly #batchSize: number;
  readonly #weights: Weights;
  readonly #gradients: (pass: Pass) => void;
  // What the forward pass leaves for the backward pass, and the loss's gradients of it, a row for each image of the batch.
  readonly #hidden: Float64Array;
  readonly #hiddenGrad: Float64Array;
  readonly #probabilities: Float64Array;
  readonly #scoresGrad: Float64Array;

  /**
   * @param batchSize The most images of one pass.
   * @param gradients Makes the gradients of the weights, or what a step makes them of, at the end of a backward pass. Left
   * out where there is none.
   */
  constructor(batchSize: number, weights: Weights, gradients: (pass: Pass) => void = () => {}) {
    this.#batchSize = batchSize;
    this.#weights = weights;
    this.#gradients = gradients;
    this.#hidden = new Float64Array(batchSize * hiddenCount);
    this.#hiddenGrad = new Float64Array(batchSize * hiddenCount);
    this.#probabilities = new Float64Array(batchSize * classCount);
    this.#scoresGrad = new Float64Array(batchSize * classCount);
  }

  /**
   * Makes the gradients of the sum of a batch's losses, divided by a number.
   * @param places Those of the batch's images.
   * @param divisor By default the images of the batch, which makes them the gradients of the mean.
   * @returns The sum of the losses.
   */
  backward(digits: Digits, places: Uint32Array, divisor: number = places.length): number {
    this.#forward(digits, places);
    const loss = this.#lossBackward(digits, places, divisor);
    this.#hiddenBackward(places.length);
    const { images } = digits;
    this.#gradients({
      images,
      places,
      hidden: this.#hidden,
      hiddenGrad: this.#hiddenGrad,
      scoresGrad: this.#scoresGrad,
    });
    return loss;
  }

  /** The share of the digits that the network recognizes. */
  accuracy(digits: Digits): number {
    const all = Uint32Array.from(digits.labels.keys());
    let right = 0;
    for (let from = 0; from < all.length; from += this.#batchSize) {
      const places = all.subarray(from, from + this.#batchSize);
      this.#forward(digits, places);
      for (let s = 0; s < places.length; s++) {
        const probabilities = this.#probabilities.subarray(s * classCount, (s + 1) * classCount);
        if (probabilities.indexOf(Math.max(...probabilities)) === digits.labels[places[s] as number]) right++;
      }
    }
    return right / all.length;
  }

  /** Computes hidden activations and probabilities of a batch. */
  #forward({ images }: Digits, places: Uint32Array): void {
    const { w1, b1, w2, b2 } = this.#weights;
    const hidden = this.#hidden;
    const probabilities = this.#probabilities;

    for (let s = 0; s < places.length; s++) {
      const image = (places[s] as number) * pixelCount;
      const row = s * hiddenCount;
      for (let j = 0; j < hiddenCount; j++) hidden[row + j] = b1[j] as number;
      for (let i = 0; i < pixelCount; i++) {
        const pixel = images[image + i] as number;
        if (pixel === 0) continue; // four in five are paper
        const weights = i * hiddenCount;
        for (let j = 0; j < hiddenCount; j++) {
          hidden[row + j] = (hidden[row + j] as number) + pixel * (w1[weights + j] as number);
        }
      }
      for (let j = 0; j < hiddenCount; j++) hidden[row + j] = Math.max(hidden[row + j] as number, 0);

      const scores = s * classCount;
      for (let k = 0; k < classCount; k++) probabilities[scores + k] = b2[k] as number;
      for (let j = 0; j < hiddenCount; j++) {
        const activation = hidden[row + j] as number;
        if (activation === 0) continue;
        for (let k = 0; k < classCount; k++) {
          const score = probabilities[scores + k] as number;
          probabilities[scores + k] = score + activation * (w2[j * classCount + k] as number);
        }
      }
      softmax(probabilities, scores);
    }
  }

  /** The gradient by the scores of softmax and cross-entropy together: the probabilities less 1 at the label. */
  #lossBackward({ labels }: Digits, places: Uint32Array, divisor: number): number {
    let loss = 0;
    for (let s = 0; s < places.length; s++) {
      const label = labels[places[s] as number] as number;
      const scores = s * classCount;
      for (let k = 0; k < classCount; k++) {
        const probability = this.#probabilities[scores + k] as number;
        this.#scoresGrad[scores + k] = (k === label ? probability - 1 : probability) / divisor;
      }
      loss -= Math.log(this.#probabilities[scores + label] as number);
    }
    return loss;
  }

  #hiddenBackward(count: number): void {
    const { w2 } = this.#weights;
    const hidden = this.#hidden;
    const scoresGrad = this.#scoresGrad;
    for (let s = 0; s < count; s++) {
      const scores = s * classCount;
      for (let j = 0; j < hiddenCount; j++) {
        let grad = 0;
        // Where relu gave 0 its slope is 0.
        if ((hidden[s * hiddenCount + j] as number) > 0) {
          for (let k = 0; k < classCount; k++) {
            grad += (w2[j * classCount + k] as number) * (scoresGrad[scores + k] as number);
          }
        }
        this.#hiddenGrad[s * hiddenCount + j] = grad;
      }
    }
  }
}

/**
 * Turns one row of scores into probabilities, in place. `Math.exp` differs between runtimes in its last bit, so that trained
 * weights can differ between them; between backends on one runtime they don't.
 */
function softmax(scores: Float64Array, from: number): void {
  // Less the highest score, so that no exponential overflows.
  let highest = Number.NEGATIVE_INFINITY;
  for (let k = 0; k < classCount; k++) highest = Math.max(highest, scores[from + k] as number);
  let sum = 0;
  for (let k = 0; k < classCount; k++) {
    const exponential = Math.exp((scores[from + k] as number) - highest);
    scores[from + k] = exponential;
    sum += exponential;
  }
  for (let k = 0; k < classCount; k++) scores[from + k] = (scores[from + k] as number) / sum;
}
