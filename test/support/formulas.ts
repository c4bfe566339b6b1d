// What each system computes, written from that system's formulas and not from lib.
import { type Formula, fma, type State } from "./formula.ts";

const { sqrt } = Math;

export const torchSGD: Formula = ({
  lr = 0.001,
  momentum = 0,
  dampening = 0,
  weightDecay = 0,
  nesterov = false,
  maximize = false,
}) => {
  let b: number | undefined;
  const state: State = {};
  return {
    state,
    step(x, grad) {
      let g = maximize ? -grad : grad;
      if (weightDecay !== 0) g = fma(x, weightDecay, g);
      if (momentum > 0) {
        b = b === undefined ? g : fma(g, 1 - dampening, b * momentum);
        state.momentumBuffer = b;
        g = nesterov ? fma(b, momentum, g) : b;
      }
      return fma(g, -lr, x);
    },
  };
};

export const tf1SGD: Formula = ({ lr = 0.001, momentum = 0, nesterov = false }) => {
  let acc = 0;
  const state: State = {};
  return {
    state,
    step(x, g) {
      if (momentum === 0) return x - g * lr;
      acc = acc * momentum + g;
      state.momentumBuffer = acc;
      return nesterov ? x - (g * lr + acc * momentum * lr) : x - acc * lr;
    },
  };
};

export const kerasSGD: Formula = ({ lr = 0.01, momentum = 0, nesterov = false, weightDecay = 0 }) => {
  let m = 0;
  const state: State = {};
  return {
    state,
    step(before, g) {
      const x = weightDecay === 0 ? before : before - before * weightDecay * lr;
      if (momentum === 0) return x - g * lr;
      m = m * momentum - g * lr;
      state.momentumBuffer = 0 - m;
      return nesterov ? x + (m * momentum - g * lr) : x + m;
    },
  };
};

export const tfjsSGD: Formula = ({ lr = 0.001, momentum = 0, nesterov = false }) => {
  let a = 0;
  const state: State = {};
  return {
    state,
    step(x, g) {
      if (momentum === 0) return -lr * g + x;
      a = momentum * a + g;
      state.momentumBuffer = a;
      return nesterov ? -lr * (g + a * momentum) + x : -lr * a + x;
    },
  };
};

export const optaxSGD: Formula = ({ lr = 0.001, momentum = 0, nesterov = false }) => {
  let trace = 0;
  const state: State = {};
  return {
    state,
    step(x, g) {
      if (momentum === 0) return x + -lr * g;
      trace = g + momentum * trace;
      state.momentumBuffer = trace;
      return x + -lr * (nesterov ? g + momentum * trace : trace);
    },
  };
};

export const torchAdagrad: Formula = ({
  lr = 0.01,
  lrDecay = 0,
  weightDecay = 0,
  initialAccumulator = 0,
  eps = 1e-10,
}) => {
  const state: State & { sum: number } = { sum: initialAccumulator };
  return {
    state,
    step(x, grad, t) {
      const g = weightDecay === 0 ? grad : fma(x, weightDecay, grad);
      state.sum = fma(g, g, state.sum);
      const rate = lr / (1 + (t - 1) * lrDecay);
      return x + (-rate * g) / (sqrt(state.sum) + eps);
    },
  };
};

export const kerasAdagrad: Formula = ({ lr = 0.001, initialAccumulator = 0.1, eps = 1e-7, weightDecay = 0 }) => {
  const state: State & { sum: number } = { sum: initialAccumulator };
  return {
    state,
    step(before, g) {
      const x = weightDecay === 0 ? before : before - before * weightDecay * lr;
      state.sum = state.sum + g * g;
      return x - (lr * g) / sqrt(state.sum + eps);
    },
  };
};

export const tfjsAdagrad: Formula = ({ lr = 0.01, initialAccumulator = 0.1 }) => {
  const state: State & { sum: number } = { sum: initialAccumulator };
  return {
    state,
    step(x, g) {
      state.sum = state.sum + g * g;
      return (g / sqrt(state.sum + 1e-7)) * -lr + x;
    },
  };
};

export const optaxAdagrad: Formula = ({ lr = 0.01, initialAccumulator = 0.1, eps = 1e-7 }) => {
  const state: State & { sum: number } = { sum: initialAccumulator };
  return {
    state,
    step(x, g) {
      state.sum = g ** 2 + state.sum;
      const inverse = state.sum > 0 ? 1 / sqrt(state.sum + eps) : 0;
      return x + -lr * (inverse * g);
    },
  };
};

const clamp = (x: number, low: number, high: number) => Math.min(Math.max(x, low), high);

export const torchRprop: Formula = ({ lr = 0.01, etas = [0.5, 1.2], stepSizes = [1e-6, 50] }) => {
  const state: State & Record<"prev" | "stepSize", number> = { prev: 0, stepSize: lr };
  return {
    state,
    step(x, grad) {
      const sign = Math.sign(grad * state.prev);
      const factor = sign > 0 ? etas[1] : sign < 0 ? etas[0] : 1;
      state.stepSize = clamp(state.stepSize * factor, stepSizes[0], stepSizes[1]);
      const g = sign < 0 ? 0 : grad;
      state.prev = g;
      return x + -Math.sign(g) * state.stepSize;
    },
  };
};

export const optaxRprop: Formula = ({ lr = 0.01, etas = [0.5, 1.2], stepSizes = [1e-6, 50] }) => {
  const state: State & Record<"prev" | "stepSize", number> = { prev: 0, stepSize: lr };
  return {
    state,
    step(x, g) {
      const sign = g * state.prev;
      if (sign !== 0) {
        state.stepSize = clamp(state.stepSize * (sign > 0 ? etas[1] : etas[0]), stepSizes[0], stepSizes[1]);
      }
      const update = sign < 0 ? 0 : state.prev; // of the step before
      state.prev = sign < 0 ? 0 : state.stepSize * (Math.sign(g) + 0); // + 0: our zeros have no sign here
      return x + -1 * update;
    },
  };
};
