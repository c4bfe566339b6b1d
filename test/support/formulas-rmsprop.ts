// RMSprop as each system computes it, written from that system's formulas and not from lib.
import { type Formula, fma, type State } from "./formula.ts";

const { sqrt } = Math;

/** A whole power by squaring: the product of those squares whose bit of the exponent is 1, from the lowest. */
export function wholePower(base: number, exponent: number): number {
  const bits = exponent.toString(2).split("").reverse();
  const squares: number[] = [];
  for (const _ of bits) {
    const last = squares.at(-1);
    squares.push(last === undefined ? base : last * last);
  }
  return squares.reduce((product, square, i) => (bits[i] === "1" ? product * square : product), 1);
}

/** PyTorch's, with the average of gradients as 1.13 has it or as a lerp. */
const torchRMSprop =
  (lerp: boolean): Formula =>
  ({ lr = 0.01, alpha = 0.99, eps = 1e-8, weightDecay = 0, momentum = 0, centered = false, maximize = false }) => {
    const state: State = { squareAvg: 0 };
    if (centered) state.gradAvg = 0;
    if (momentum > 0) state.momentumBuffer = 0;
    const s = state as Record<"squareAvg" | "gradAvg" | "momentumBuffer", number>;
    const c = 1 - alpha;
    return {
      state,
      step(x, grad) {
        let g = maximize ? -grad : grad;
        if (weightDecay !== 0) g = fma(x, weightDecay, g);
        s.squareAvg = fma(c * g, g, s.squareAvg * alpha);
        let variance = s.squareAvg;
        if (centered) {
          if (!lerp) s.gradAvg = fma(g, c, s.gradAvg * alpha);
          else if (c < 0.5) s.gradAvg = fma(c, g - s.gradAvg, s.gradAvg);
          else s.gradAvg = fma(c - 1, g - s.gradAvg, g);
          variance = fma(-s.gradAvg, s.gradAvg, s.squareAvg);
        }
        const d = sqrt(variance) + eps;
        if (momentum === 0) return x + (-lr * g) / d;
        s.momentumBuffer = s.momentumBuffer * momentum + g / d;
        return fma(s.momentumBuffer, -lr, x);
      },
    };
  };

/** The kernels of TensorFlow 1, which always keep a momentum buffer; with momentum 0 we keep none. */
const tf1RMSprop: Formula = ({ lr = 0.01, alpha: rho = 0.9, momentum = 0, eps = 1e-10, centered = false }) => {
  let ms = 1;
  let mg = 0;
  let mom = 0;
  const state: State = {};
  return {
    state,
    step(x, g) {
      ms = ms + (g * g - ms) * (1 - rho);
      let den = ms + eps;
      if (centered) {
        mg = mg + (g - mg) * (1 - rho);
        den = ms - mg * mg + eps;
        state.gradAvg = mg;
      }
      mom = mom * momentum + (g * lr) / sqrt(den);
      state.squareAvg = ms;
      if (momentum > 0) state.momentumBuffer = mom;
      return x - mom;
    },
  };
};

const kerasRMSprop: Formula = ({
  lr = 0.001,
  alpha: rho = 0.9,
  momentum = 0,
  eps = 1e-7,
  centered = false,
  weightDecay = 0,
}) => {
  let v = 0;
  let a = 0;
  let m = 0;
  const state: State = {};
  return {
    state,
    step(before, g) {
      const x = weightDecay === 0 ? before : before - before * weightDecay * lr;
      v = rho * v + (1 - rho) * (g * g);
      state.squareAvg = v;
      let den = v + eps;
      if (centered) {
        a = rho * a + (1 - rho) * g;
        den = v - a * a + eps;
        state.gradAvg = a;
      }
      const increment = (lr * g) / sqrt(den);
      if (momentum === 0) return x - increment;
      m = momentum * m + increment;
      state.momentumBuffer = m;
      return x - m;
    },
  };
};

const tfjsRMSprop: Formula = ({ lr = 0.01, alpha: decay = 0.9, momentum = 0, eps = 1e-7, centered = false }) => {
  let ms = 0;
  let mg = 0;
  let mo = 0;
  const state: State = {};
  return {
    state,
    step(x, g) {
      ms = ms * decay + g * g * (1 - decay);
      state.squareAvg = ms;
      if (centered) {
        mg = mg * decay + g * (1 - decay);
        state.gradAvg = mg;
        mo = mo * momentum + (g * lr) / sqrt(ms - (mg * mg + eps));
      } else {
        mo = mo * momentum + (g * lr) / sqrt(ms + eps);
      }
      if (momentum > 0) state.momentumBuffer = mo;
      return x - mo;
    },
  };
};

const optaxRMSprop: Formula = ({
  lr = 0.01,
  alpha: d = 0.9,
  eps = 1e-8,
  epsInSqrt = true,
  initialSquareAvg = 0,
  centered = false,
  momentum = 0,
  nesterov = false,
  biasCorrection = false,
}) => {
  let nu = initialSquareAvg;
  let mu = 0;
  let trace = 0;
  const state: State = {};
  return {
    state,
    step(x, g, t) {
      const corrected = (moment: number) => (biasCorrection ? moment / (1 - wholePower(d, t)) : moment);
      nu = (1 - d) * g ** 2 + d * nu;
      state.squareAvg = nu;
      let variance = corrected(nu);
      if (centered) {
        mu = (1 - d) * g + d * mu;
        state.gradAvg = mu;
        variance = variance - corrected(mu) ** 2;
      }
      const scale = epsInSqrt ? 1 / sqrt(variance + eps) : 1 / (sqrt(variance) + eps);
      const u = -lr * (scale * g);
      if (momentum === 0) return x + u;
      trace = u + momentum * trace;
      state.momentumBuffer = 0 - trace;
      return x + (nesterov ? u + momentum * trace : trace);
    },
  };
};

const timmRMSprop: Formula = ({
  lr = 0.01,
  alpha = 0.9,
  eps = 1e-10,
  weightDecay = 0,
  momentum = 0,
  centered = false,
  decoupledWeightDecay = false,
  lrInMomentum = true,
}) => {
  let v = 1;
  let m = 0;
  let b = 0;
  const state: State = {};
  return {
    state,
    step(before, grad) {
      let x = before;
      let g = grad;
      if (weightDecay !== 0 && decoupledWeightDecay) x = x * (1 - lr * weightDecay);
      else if (weightDecay !== 0) g = g + x * weightDecay;
      v = v + (g * g - v) * (1 - alpha);
      state.squareAvg = v;
      let variance = v;
      if (centered) {
        m = m + (g - m) * (1 - alpha);
        state.gradAvg = m;
        variance = v - m * m;
      }
      const avg = sqrt(variance + eps);
      if (momentum === 0) return x + (-lr * g) / avg;
      b = lrInMomentum ? b * momentum + (lr * g) / avg : b * momentum + g / avg;
      state.momentumBuffer = b;
      return lrInMomentum ? x - b : x + -lr * b;
    },
  };
};

const mxnetRMSprop: Formula = ({
  lr = 0.001,
  alpha: rho = 0.9,
  momentum = 0.9,
  eps = 1e-8,
  centered = false,
  weightDecay: wd = 0,
}) => {
  let n = 0;
  let mean = 0;
  let delta = 0;
  const state: State = {};
  return {
    state,
    step(w, grad) {
      const g = wd === 0 ? grad : grad + wd * w;
      n = (1 - rho) * (g * g) + rho * n;
      state.squareAvg = n;
      if (!centered) return w - (lr * g) / (sqrt(n) + eps);
      mean = (1 - rho) * g + rho * mean;
      delta = momentum * delta - (lr * g) / sqrt(n - mean * mean + eps);
      state.gradAvg = mean;
      state.momentumBuffer = 0 - delta;
      return w + delta;
    },
  };
};

const mlxRMSprop: Formula = ({ lr = 0.01, alpha = 0.99, eps = 1e-8 }) => {
  let v = 0;
  const state: State = {};
  return {
    state,
    step(x, g) {
      v = alpha * v + (1 - alpha) * g ** 2;
      state.squareAvg = v;
      return x - (lr * g) / (sqrt(v) + eps);
    },
  };
};

const gravesRMSprop: Formula = ({ lr = 1e-4, alpha = 0.95, momentum = 0.9, eps = 1e-4 }) => {
  let n = 0;
  let mean = 0;
  let delta = 0;
  const state: State = {};
  return {
    state,
    step(w, g) {
      n = alpha * n + (1 - alpha) * g ** 2;
      mean = alpha * mean + (1 - alpha) * g;
      delta = momentum * delta - (lr * g) / sqrt(n - mean ** 2 + eps);
      Object.assign(state, { squareAvg: n, gradAvg: mean, momentumBuffer: 0 - delta });
      return w + delta;
    },
  };
};

const dqnRMSprop: Formula = ({ lr = 0.00025, alpha = 0.95, eps = 0.01 }) => {
  let squared = 0;
  let mean = 0;
  const state: State = {};
  return {
    state,
    step(w, g) {
      mean = alpha * mean + (1 - alpha) * g;
      squared = alpha * squared + (1 - alpha) * (g * g);
      Object.assign(state, { squareAvg: squared, gradAvg: mean });
      return w - (lr * g) / sqrt(squared - mean * mean + eps);
    },
  };
};

/** The lecture's, which has no epsilon: ours shows only where a root is below 2e-4 in float64. */
const hintonRMSprop: Formula = ({ lr = 0.001 }) => {
  let meanSquare = 0;
  const state: State = {};
  return {
    state,
    step(w, g) {
      meanSquare = 0.9 * meanSquare + (1 - 0.9) * (g * g);
      state.squareAvg = meanSquare;
      return w - (lr * g) / sqrt(meanSquare);
    },
  };
};

export const rmspropFormulas = {
  torch: torchRMSprop(false),
  torch2: torchRMSprop(true),
  tf1: tf1RMSprop,
  keras: kerasRMSprop,
  tfjs: tfjsRMSprop,
  optax: optaxRMSprop,
  timm: timmRMSprop,
  mxnet: mxnetRMSprop,
  mlx: mlxRMSprop,
  graves: gravesRMSprop,
  dqn: dqnRMSprop,
  hinton: hintonRMSprop,
} satisfies Readonly<Record<string, Formula>>;
