import * as tf from "@tensorflow/tfjs";
import type { Random } from "../random.ts";

/** What a move led to. */
export interface Move {
  readonly state: Float32Array;
  readonly action: number;
  readonly reward: number;
  /** Whether the game was over then, so that `next` is of another one. */
  readonly over: boolean;
  readonly next: Float32Array;
}

/** A batch of moves, a row for each. */
export interface Moves {
  readonly states: tf.Tensor2D;
  /** [count, actionCount], 1 at the action that was taken. */
  readonly actions: tf.Tensor2D;
  readonly rewards: tf.Tensor1D;
  /** 1 where the game went on, 0 where it was over. */
  readonly goesOn: tf.Tensor1D;
  readonly nexts: tf.Tensor2D;
}

/** The last moves, up to a number of them, to draw batches from. */
export class Replay {
  readonly #moves: Move[] = [];
  readonly #capacity: number;
  #added = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  add(move: Move): void {
    this.#moves[this.#added % this.#capacity] = move;
    this.#added++;
  }

  draw(count: number, actionCount: number, random: Random): Moves {
    const drawn = Array.from({ length: count }, () => {
      return this.#moves[Math.floor(random() * this.#moves.length)] as Move;
    });
    const actions = new Float32Array(count * actionCount);
    drawn.forEach(({ action }, i) => {
      actions[i * actionCount + action] = 1;
    });
    return {
      states: rows(drawn.map(({ state }) => state)),
      actions: tf.tensor2d(actions, [count, actionCount]),
      rewards: tf.tensor1d(drawn.map(({ reward }) => reward)),
      goesOn: tf.tensor1d(drawn.map(({ over }) => (over ? 0 : 1))),
      nexts: rows(drawn.map(({ next }) => next)),
    };
  }
}

/** One array a row. */
export function rows(arrays: readonly Float32Array[]): tf.Tensor2D {
  const width = arrays[0]?.length ?? 0;
  const all = new Float32Array(arrays.length * width);
  arrays.forEach((array, i) => {
    all.set(array, i * width);
  });
  return tf.tensor2d(all, [arrays.length, width]);
}
