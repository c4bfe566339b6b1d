/** An optimizer that searches for a scale of the loss, or not. */
export interface LossScaling {
  readonly lossScale: LossScaleState | undefined;
}

/** Where the search for a scale of the loss is (option `lossScale`). */
export interface LossScaleState {
  /** What the next loss is to be multiplied by. */
  scale: number;
  /** How many calls in a row had finite gradients since it last changed. */
  goodSteps: number;
}
