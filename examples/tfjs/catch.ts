import type { Random } from "../random.ts";

/** Across and down. */
const side = 6;

export const actionCount = 3;
/** How many numbers tell how a game stands. */
export const stateLength = side * side + side;

/**
 * A ball falls from the top of a field, a row with each move, and the paddle at the bottom has to be under it when it
 * arrives. A move takes the paddle to the left (0), nowhere (1) or to the right (2). The next ball falls then.
 */
export class Catch {
  readonly #random: Random;
  #row = 0;
  #column = 0;
  #paddle = 0;

  constructor(random: Random) {
    this.#random = random;
    this.#drop();
  }

  /** Moves the paddle and lets the ball fall. The reward is 1 where it is caught, -1 where not, and 0 on its way. */
  move(action: number): { reward: number; over: boolean } {
    this.#paddle = Math.min(Math.max(this.#paddle + action - 1, 0), side - 1);
    this.#row++;
    const over = this.#row === side - 1;
    const reward = !over ? 0 : this.#paddle === this.#column ? 1 : -1;
    if (over) this.#drop();
    return { reward, over };
  }

  /** How the game stands: a 1 where the ball is in the field, and a 1 where the paddle is in its row. */
  state(): Float32Array {
    const state = new Float32Array(stateLength);
    state[this.#row * side + this.#column] = 1;
    state[side * side + this.#paddle] = 1;
    return state;
  }

  #drop(): void {
    this.#row = 0;
    this.#column = Math.floor(this.#random() * side);
    this.#paddle = Math.floor(this.#random() * side);
  }
}
