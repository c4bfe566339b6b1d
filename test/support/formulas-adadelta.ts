// Adadelta as each system computes it, written from that system's formulas and not from lib.
import { type Formula, fma, type State } from "./formula.ts";

const { sqrt } = Math;

export const torchAdadelta: Formula = ({ lr = 1, rho = 0.9, eps = 1e-6, weightDecay = 0, maximize = false }) => {
  const state: State & Record<"squareAvg" | "accDelta", number> = { squareAvg: 0, accDelta: 0 };
  return {
    state,
    step(x, grad) {
      const signed = maximize ? -grad : grad;
      const g = weightDecay === 0 ? signed : fma(x, weightDecay, signed);
      state.squareAvg = fma((1 - rho) * g, g, state.squareAvg * rho);
      const delta = (sqrt(state.accDelta + eps) / sqrt(state.squareAvg + eps)) * g;
      state.accDelta = fma((1 - rho) * delta, delta, state.accDelta * rho);
      return fma(delta, -lr, x);
    },
  };
};

/** It takes the root of the average of the step before. */
export const tfjsAdadelta: Formula = ({ lr = 0.001, rho = 0.95, eps = 1e-7 }) => {
  const state: State & Record<"squareAvg" | "accDelta", number> = { squareAvg: 0, accDelta: 0 };
  return {
    state,
    step(x, g) {
      const updates = (sqrt(state.accDelta + eps) / sqrt(state.squareAvg + eps)) * g;
      state.squareAvg = state.squareAvg * rho + g * g * (1 - rho);
      state.accDelta = state.accDelta * rho + updates * updates * (1 - rho);
      return updates * -lr + x;
    },
  };
};
