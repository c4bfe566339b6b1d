/** The loss scale of an optimizer; undefined without the option `lossScale`. */
export interface LossScaling {
  readonly lossScale: LossScaleState | undefined;
}

/** The search for a scale of the loss (option `lossScale`), as far as it has come. */
export interface LossScaleState {
  /** The factor of the next loss. */
  scale: number;
  /** How many calls in a row had finite gradients since it last changed. */
  goodSteps: number;
}
