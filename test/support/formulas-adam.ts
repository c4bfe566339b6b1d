// Adam and AdamW as each system computes them, written from that system's formulas and not from lib.
import { type Formula, fma, type State } from "./formula.ts";
import { wholePower } from "./formulas-rmsprop.ts";

const { max, sqrt } = Math;

type Averages = State & Record<"gradAvg" | "squareAvg", number>;

/** PyTorch's, with its L2 weight decay or AdamW's; powers by squaring, which is not its way. */
const torch =
  (decoupled: boolean, decay: number): Formula =>
  ({
    lr = 0.001,
    beta1 = 0.9,
    beta2 = 0.999,
    eps = 1e-8,
    weightDecay = decay,
    decoupledWeightDecay = decoupled,
    amsgrad = false,
    maximize = false,
  }) => {
    const state: Averages = { gradAvg: 0, squareAvg: 0 };
    if (amsgrad) state.maxSquareAvg = 0;
    return {
      state,
      step(before, grad, t) {
        let x = before;
        let g = maximize ? -grad : grad;
        if (decoupledWeightDecay) x = x * (1 - lr * weightDecay);
        else if (weightDecay !== 0) g = fma(x, weightDecay, g);
        state.gradAvg = fma(g, 1 - beta1, state.gradAvg * beta1);
        state.squareAvg = fma((1 - beta2) * g, g, state.squareAvg * beta2);
        let square = state.squareAvg;
        if (amsgrad) {
          square = max(state.maxSquareAvg as number, square);
          state.maxSquareAvg = square;
        }
        const denominator = sqrt(square) / sqrt(1 - wholePower(beta2, t)) + eps;
        const stepSize = lr / (1 - wholePower(beta1, t));
        return x + (-stepSize * state.gradAvg) / denominator;
      },
    };
  };

export const torchAdam = torch(false, 0);
export const torchAdamW = torch(true, 0.01);

/** It multiplies its powers step by step. */
export const tfjsAdam: Formula = ({ lr = 0.001, beta1 = 0.9, beta2 = 0.999, eps = 1e-7 }) => {
  const state: Averages = { gradAvg: 0, squareAvg: 0 };
  let accBeta1: number = beta1;
  let accBeta2: number = beta2;
  return {
    state,
    step(x, g) {
      state.gradAvg = state.gradAvg * beta1 + g * (1 - beta1);
      state.squareAvg = state.squareAvg * beta2 + g * g * (1 - beta2);
      const first = state.gradAvg / (1 - accBeta1);
      const second = state.squareAvg / (1 - accBeta2);
      accBeta1 = accBeta1 * beta1;
      accBeta2 = accBeta2 * beta2;
      return (first / (sqrt(second) + eps)) * -lr + x;
    },
  };
};
