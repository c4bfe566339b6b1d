import { allocate } from "rmsprop";
import { classCount, type Digits, pixelCount } from "./digits-data.ts";
import { normal, type Random } from "./random.ts";

const hiddenCount = 128;

/**
 * A network of two layers: hidden = relu(pixels · w1 + b1), scores = hidden · w2 + b2. Its probabilities are the softmax
 * of the scores, its loss is their cross-entropy.
 */
export class Network {
  /** The weights, the backward pass's gradients of them, and both as an optimizer takes them. */
  readonly model = allocate({
    w1: [pixelCount, hiddenCount],
    b1: [hiddenCount],
    w2: [hiddenCount, classCount],
    b2: [classCount],
  });

  readonly #batchSize: number;
  // What the forward pass leaves for the backward pass, and the loss's gradients of it, a row for each image of the batch.
  readonly #hidden: Float64Array;
  readonly #hiddenGrad: Float64Array;
  readonly #probabilities: Float64Array;
  readonly #scoresGrad: Float64Array;
  /** One row of the gradient of w1, summed up in double precision. */
  readonly #rowGrad = new Float64Array(hiddenCount);

  /** @param batchSize The most images of one pass. */
  constructor(batchSize: number, random: Random) {
    this.#batchSize = batchSize;
    this.#hidden = new Float64Array(batchSize * hiddenCount);
    this.#hiddenGrad = new Float64Array(batchSize * hiddenCount);
    this.#probabilities = new Float64Array(batchSize * classCount);
    this.#scoresGrad = new Float64Array(batchSize * classCount);
    // He's initialisation keeps the variance of a layer with relu what its input's was. Biases stay at 0.
    const { w1, w2 } = this.model.params;
    for (let i = 0; i < w1.length; i++) w1[i] = normal(random) * Math.sqrt(2 / pixelCount);
    for (let i = 0; i < w2.length; i++) w2[i] = normal(random) * Math.sqrt(2 / hiddenCount);
  }

  /**
   * Writes the gradients of one batch's mean loss: that of the images at `order[from]` and the places after it.
   * @returns The sum of the losses of the batch's images.
   */
  backward(digits: Digits, order: Uint32Array, from: number): number {
    const count = this.#forward(digits, order, from);
    const loss = this.#lossBackward(digits, order, from, count);
    this.#layer2Backward(count);
    this.#layer1Backward(digits, order, from, count);
    return loss;
  }

  /** The share of the digits that the network recognizes. */
  accuracy(digits: Digits): number {
    const order = Uint32Array.from(digits.labels.keys());
    let right = 0;
    for (let from = 0; from < order.length; from += this.#batchSize) {
      const count = this.#forward(digits, order, from);
      for (let s = 0; s < count; s++) {
        const probabilities = this.#probabilities.subarray(s * classCount, (s + 1) * classCount);
        if (probabilities.indexOf(Math.max(...probabilities)) === digits.labels[order[from + s] as number]) right++;
      }
    }
    return right / order.length;
  }

  /** Computes hidden activations and probabilities of a batch, and returns how many images it has. */
  #forward({ images }: Digits, order: Uint32Array, from: number): number {
    const count = Math.min(this.#batchSize, order.length - from);
    const { w1, b1, w2, b2 } = this.model.params;
    const hidden = this.#hidden;
    const probabilities = this.#probabilities;

    for (let s = 0; s < count; s++) {
      const image = (order[from + s] as number) * pixelCount;
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
    return count;
  }

  /** The gradient by the scores of softmax and cross-entropy together: the probabilities less 1 at the label. */
  #lossBackward({ labels }: Digits, order: Uint32Array, from: number, count: number): number {
    let loss = 0;
    for (let s = 0; s < count; s++) {
      const label = labels[order[from + s] as number] as number;
      const scores = s * classCount;
      for (let k = 0; k < classCount; k++) {
        const probability = this.#probabilities[scores + k] as number;
        this.#scoresGrad[scores + k] = (k === label ? probability - 1 : probability) / count;
      }
      loss -= Math.log(this.#probabilities[scores + label] as number);
    }
    return loss;
  }

  #layer2Backward(count: number): void {
    const { params, grads } = this.model;
    const hidden = this.#hidden;
    const scoresGrad = this.#scoresGrad;
    grads.w2.fill(0);
    grads.b2.fill(0);
    for (let s = 0; s < count; s++) {
      const scores = s * classCount;
      for (let k = 0; k < classCount; k++) {
        grads.b2[k] = (grads.b2[k] as number) + (scoresGrad[scores + k] as number);
      }
      for (let j = 0; j < hiddenCount; j++) {
        const activation = hidden[s * hiddenCount + j] as number;
        let grad = 0;
        // Where relu gave 0 its slope is 0, and w2 had nothing to weigh.
        if (activation > 0) {
          for (let k = 0; k < classCount; k++) {
            const weight = j * classCount + k;
            const scoreGrad = scoresGrad[scores + k] as number;
            grads.w2[weight] = (grads.w2[weight] as number) + activation * scoreGrad;
            grad += (params.w2[weight] as number) * scoreGrad;
          }
        }
        this.#hiddenGrad[s * hiddenCount + j] = grad;
      }
    }
  }

  #layer1Backward({ images }: Digits, order: Uint32Array, from: number, count: number): void {
    const { w1, b1 } = this.model.grads;
    const hiddenGrad = this.#hiddenGrad;
    const rowGrad = this.#rowGrad;
    // Pixel by pixel rather than image by image: each row of the gradient is written once, with nothing to set to 0 before.
    for (let i = 0; i < pixelCount; i++) {
      rowGrad.fill(0);
      for (let s = 0; s < count; s++) {
        const pixel = images[(order[from + s] as number) * pixelCount + i] as number;
        if (pixel === 0) continue;
        const row = s * hiddenCount;
        for (let j = 0; j < hiddenCount; j++) {
          rowGrad[j] = (rowGrad[j] as number) + pixel * (hiddenGrad[row + j] as number);
        }
      }
      w1.set(rowGrad, i * hiddenCount);
    }
    rowGrad.fill(0);
    for (let s = 0; s < count; s++) {
      for (let j = 0; j < hiddenCount; j++) {
        rowGrad[j] = (rowGrad[j] as number) + (hiddenGrad[s * hiddenCount + j] as number);
      }
    }
    b1.set(rowGrad);
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
