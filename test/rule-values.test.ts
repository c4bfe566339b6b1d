// Every optimizer without a preset against the formula in its docstring, written here anew over plain numbers, each operation
// rounded once: float64 and float32, over all sets of its options, with gradients of both signs, zeros, and some that are tiny.
import { describe, expect, test } from "vitest";
import { arrayType } from "./support/arena.ts";
import { numberTypes, uniformFrom } from "./support/cases.ts";
import { classOf } from "./support/classes.ts";

type Options = Record<string, number | boolean | object | null | undefined>;
type Round = (value: number) => number;

interface Own {
  x: number;
  /** The slots, by their names. */
  readonly slots: Record<string, number>;
}

/** Steps an element; t counts from 1. */
type Formula = (o: Options, own: Own, grad: number, t: number, r: Round) => void;

const { sqrt, abs } = Math;

/** The gradient as rules see it, and the parameter as decoupled decay leaves it. */
function begin(o: Options, x: number, grad: number, rate: number, r: Round) {
  const { weightDecay, decoupledWeightDecay, maximize, gradScale } = o as Record<string, number>;
  const scaled = r(r((maximize ? -1 : 1) * (gradScale ?? 1)) * grad);
  const g = weightDecay && !decoupledWeightDecay ? r(scaled + r(r(weightDecay) * x)) : scaled;
  const decayed = weightDecay && decoupledWeightDecay ? r(r(1 - rate * weightDecay) * x) : x;
  return { g, decayed };
}

const mix = (old: number, kept: number, added: number, value: number, r: Round) =>
  r(r(r(kept) * old) + r(r(added) * value));

/** `base` to the power of a whole number, by squaring. */
function power(base: number, exponent: number): number {
  let result = 1;
  for (let square = base, rest = exponent; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) result *= square;
    square *= square;
  }
  return result;
}

const formulas: Readonly<Record<string, { formula: Formula; slots: (o: Options) => Record<string, number> }>> = {
  RMSprop: {
    slots: (o) => ({
      squareAvg: (o.initialSquareAvg as number) ?? 0,
      ...(o.centered ? { gradAvg: 0 } : {}),
      ...(o.momentum || o.gains ? { momentumBuffer: 0 } : {}),
      ...(o.gains ? { gains: 1 } : {}),
    }),
    formula(o, own, grad, t, r) {
      const { lr, alpha, eps, momentum = 0 } = o as Record<string, number>;
      const { g, decayed } = begin(o, own.x, grad, lr as number, r);
      const s = own.slots;
      s.squareAvg = mix(s.squareAvg as number, alpha as number, 1 - (alpha as number), r(g * g), r);
      let variance = o.biasCorrection ? r(s.squareAvg / r(1 - power(alpha as number, t))) : s.squareAvg;
      if (o.centered) {
        s.gradAvg = mix(s.gradAvg as number, alpha as number, 1 - (alpha as number), g, r);
        variance = r(variance - r(s.gradAvg * s.gradAvg));
        if (variance < 0) variance = 0;
      }
      const root = o.epsInSqrt ? r(sqrt(r(variance + r(eps as number)))) : r(r(sqrt(variance)) + r(eps as number));
      const buffered = momentum !== 0 || o.gains;
      const first = o.lrInMomentum || !buffered;
      let d = r(first ? r(r(lr as number) * g) / root : g / root);
      if (o.gains) {
        const { up, down, min, max } = o.gains as Record<string, number>;
        const agreement = Math.sign(g) * (s.momentumBuffer as number);
        const gain = s.gains as number;
        const moved = agreement > 0 ? r(gain + r(up as number)) : agreement < 0 ? r(gain * r(down as number)) : gain;
        s.gains = Math.min(Math.max(moved, r(min as number)), r(max as number));
        d = r(s.gains * d);
      }
      if (buffered) {
        s.momentumBuffer = r(r(r(momentum) * (s.momentumBuffer as number)) + d);
        d = o.nesterov ? r(d + r(r(momentum) * s.momentumBuffer)) : s.momentumBuffer;
      }
      own.x = r(decayed - (first ? d : r(r(lr as number) * d)));
    },
  },
  SGD: {
    slots: (o) => (o.momentum ? { momentumBuffer: 0 } : {}),
    formula(o, own, grad, t, r) {
      const { lr, momentum = 0, dampening = 0 } = o as Record<string, number>;
      const { g, decayed } = begin(o, own.x, grad, lr as number, r);
      let d = g;
      if (momentum) {
        const old = own.slots.momentumBuffer as number;
        const added = dampening === 0 || t === 1 ? g : r(r(1 - dampening) * g);
        const buffer = t === 1 ? g : r(r(r(momentum) * old) + added);
        own.slots.momentumBuffer = buffer;
        d = o.nesterov ? r(g + r(r(momentum) * buffer)) : buffer;
      }
      own.x = r(decayed - r(r(lr as number) * d));
    },
  },
  Adagrad: {
    slots: (o) => ({ sum: (o.initialAccumulator as number) ?? 0 }),
    formula(o, own, grad, t, r) {
      const { lr, lrDecay = 0, eps } = o as Record<string, number>;
      const rate = (lr as number) / (1 + (t - 1) * lrDecay);
      const { g, decayed } = begin(o, own.x, grad, rate, r);
      const sum = r((own.slots.sum as number) + r(g * g));
      own.slots.sum = sum;
      const root = o.epsInSqrt ? r(sqrt(r(sum + r(eps as number)))) : r(r(sqrt(sum)) + r(eps as number));
      own.x = r(decayed - r(r(r(rate) * g) / root));
    },
  },
  Rprop: {
    slots: (o) => ({ prev: 0, stepSize: o.lr as number }),
    formula(o, own, grad, _, r) {
      const { g: seen, decayed } = begin(o, own.x, grad, o.lr as number, r);
      const [minus, plus] = o.etas as [number, number];
      const [min, max] = o.stepSizes as [number, number];
      const s = own.slots;
      const agreement = Math.sign(seen) * Math.sign(s.prev as number);
      const factor = agreement > 0 ? r(plus) : agreement < 0 ? r(minus) : 1;
      s.stepSize = Math.min(Math.max(r((s.stepSize as number) * factor), r(min)), r(max));
      const g = agreement < 0 ? 0 : seen;
      s.prev = g;
      own.x = r(decayed - Math.sign(g) * s.stepSize);
    },
  },
  Adadelta: {
    slots: () => ({ squareAvg: 0, accDelta: 0 }),
    formula(o, own, grad, _, r) {
      const { lr, rho, eps } = o as { lr: number; rho: number; eps: number };
      const { g, decayed } = begin(o, own.x, grad, lr, r);
      const s = own.slots;
      s.squareAvg = mix(s.squareAvg as number, rho, 1 - rho, r(g * g), r);
      const above = r(sqrt(r((s.accDelta as number) + r(eps))));
      const below = r(sqrt(r(s.squareAvg + r(eps))));
      const d = r(r(above / below) * g);
      s.accDelta = mix(s.accDelta as number, rho, 1 - rho, r(d * d), r);
      own.x = r(decayed - r(r(lr) * d));
    },
  },
  Adam: {
    slots: (o) => ({ gradAvg: 0, squareAvg: 0, ...(o.amsgrad ? { maxSquareAvg: 0 } : {}) }),
    formula(o, own, grad, t, r) {
      const { lr, beta1, beta2, eps } = o as { lr: number; beta1: number; beta2: number; eps: number };
      const { g, decayed } = begin(o, own.x, grad, lr, r);
      const s = own.slots;
      s.gradAvg = mix(s.gradAvg as number, beta1, 1 - beta1, g, r);
      s.squareAvg = mix(s.squareAvg as number, beta2, 1 - beta2, r(g * g), r);
      if (o.amsgrad) s.maxSquareAvg = Math.max(s.maxSquareAvg as number, s.squareAvg);
      const square = (o.amsgrad ? s.maxSquareAvg : s.squareAvg) as number;
      const root = r(r(sqrt(r(square / r(1 - power(beta2, t))))) + r(eps));
      own.x = r(decayed - r(r(r(lr / (1 - power(beta1, t))) * s.gradAvg) / root));
    },
  },
};

/** Options beside which others are varied, all of them that a formula has. */
const bases: Readonly<Record<string, Options>> = {
  RMSprop: { lr: 0.03, alpha: 0.9, eps: 1e-3 },
  SGD: { lr: 0.03 },
  Adagrad: { lr: 0.03, eps: 1e-3 },
  Rprop: { lr: 0.03, etas: [0.4, 1.3], stepSizes: [0.01, 0.06] },
  Adadelta: { lr: 0.7, rho: 0.8, eps: 1e-3 },
  Adam: { lr: 0.03, beta1: 0.8, beta2: 0.95, eps: 1e-3 },
};

const common: readonly Options[] = [{}, { maximize: true }, { gradScale: 0.37 }];
const decays: readonly Options[] = [{}, { weightDecay: 0.07 }, { weightDecay: 0.07, decoupledWeightDecay: true }];
const gains = { up: 0.05, down: 0.8, min: 0.6, max: 1.4 };

const own: Readonly<Record<string, readonly (readonly Options[])[]>> = {
  RMSprop: [
    [{}, { centered: true }],
    [{}, { momentum: 0.6 }, { momentum: 0.6, nesterov: true }, { momentum: 0.6, lrInMomentum: true }, { gains }],
    [{}, { epsInSqrt: true, initialSquareAvg: 0.5 }, { biasCorrection: true }],
  ],
  SGD: [[{}, { momentum: 0.6 }, { momentum: 0.6, dampening: 0.3 }, { momentum: 0.6, nesterov: true }]],
  Adagrad: [[{}, { epsInSqrt: true }, { lrDecay: 0.2 }, { initialAccumulator: 0.3 }]],
  Rprop: [],
  Adadelta: [],
  Adam: [[{}, { amsgrad: true }]],
};

const product = (axes: readonly (readonly Options[])[]): Options[] =>
  axes.reduce<Options[]>((sets, axis) => sets.flatMap((set) => axis.map((more) => ({ ...set, ...more }))), [{}]);

const elements = 9;
const steps = 16;
/** The steps after which arrays are compared. */
const compared = [1, 2, 5, steps];

describe.each(Object.keys(formulas))("%s without a preset is its formula", (name) => {
  const { formula, slots } = formulas[name] as (typeof formulas)[string];
  const sets = product([[bases[name] as Options], common, decays, ...(own[name] as (readonly Options[])[])]);
  test.each(numberTypes)("%s", (type) => {
    const round: Round = type === "float32" ? Math.fround : (value) => value;
    const Floats = arrayType(type);
    for (const options of sets) {
      const uniform = uniformFrom(11);
      const data = Floats.from({ length: elements }, () => 2 * uniform() - 1);
      const grad = new Floats(elements);
      const expected = Array.from(data, (x): Own => {
        const values = Object.entries(slots(options)).map(([slot, value]) => [slot, round(value)]);
        return { x, slots: Object.fromEntries(values) };
      });
      const { gains: given, ...rest } = options;
      const all = given ? { ...rest, gains: given, momentum: options.momentum ?? 0 } : rest;
      const optimizer = new (classOf(name))([{ name: "x", data, grad }], all);
      for (let t = 1; t <= steps; t++) {
        for (let i = 0; i < elements; i++) {
          const kind = uniform();
          grad[i] = (2 * uniform() - 1) * (kind < 0.1 ? 0 : kind < 0.2 ? 1e-4 : 1) + (i < 3 ? 0.4 : 0);
        }
        expected.forEach((each, i) => {
          formula(options, each, grad[i] as number, t, round);
        });
        optimizer.step();
        if (!compared.includes(t)) continue;
        const label = `${JSON.stringify(options)}, step ${t}`;
        const { step: _, ...state } = optimizer.state("x");
        expect(Object.keys(state).sort(), label).toEqual(Object.keys(expected[0]?.slots ?? {}).sort());
        // + 0: a formula over plain numbers says nothing of the sign of a zero.
        expect(
          Array.from(data, (x) => x + 0),
          label,
        ).toEqual(expected.map(({ x }) => x + 0));
        for (const [slot, values] of Object.entries(state)) {
          const found = Array.from(values as Float64Array, (x) => x + 0);
          expect(found, `${slot}, ${label}`).toEqual(expected.map((each) => (each.slots[slot] as number) + 0));
        }
      }
      expect(data.some((x) => abs(x) > 1e-6)).toBe(true);
    }
  });
});
