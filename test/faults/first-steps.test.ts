// What the first steps of centered, bias-corrected RMSprop are. The title of each test begins with the number under which the
// fault was reported.
import { describe, expect, test } from "vitest";
import { RMSprop, type RMSpropOptions } from "../../lib/index.ts";

const pair = { centered: true, biasCorrection: true } as const;

describe.each([Float32Array, Float64Array])("%o", (Floats) => {
  test.each([0.5, 0.9, 0.99, 0.999])(
    "S12: steps from one gradient, and from equal ones, are no larger than lr allows: alpha %d",
    (alpha) => {
      const sizes = [1e-6, 1, -3, 1e4, 0, -0];
      const p = { name: "w", data: new Floats(sizes.length), grad: Floats.from(sizes) };
      const optimizer = new RMSprop([p], { lr: 1, alpha, ...pair });
      for (let t = 1; t <= 5; t++) {
        const before = p.data.slice();
        optimizer.step();
        // The mean is 1 - alpha^t of the gradient, the mean square divided is its square.
        const left = 1 - alpha ** t;
        sizes.forEach((g, i) => {
          const step = Math.abs((p.data[i] as number) - (before[i] as number));
          const expected = g === 0 ? 0 : 1 / (Math.sqrt(1 - left * left) + 1e-8 / Math.abs(g));
          expect(step, `${g}, step ${t}`).toBeCloseTo(expected, 2);
          expect(step).toBeLessThan(6);
        });
      }
    },
  );

  test("S12: each other set of these options has the bits that it had", () => {
    const paramAfter = (options: RMSpropOptions) => {
      const p = { name: "w", data: Floats.of(1), grad: Floats.of(0) };
      const optimizer = new RMSprop([p], { lr: 0.5, alpha: 0.75, eps: 0.25, ...options });
      for (const g of [2, -1, 3]) {
        p.grad[0] = g;
        optimizer.step();
      }
      return p.data[0] as number;
    };
    const round = Floats === Float32Array ? Math.fround : (x: number) => x;
    const formula = (centered: boolean, corrected: boolean, epsIn: boolean, lrIn: boolean) => {
      let [x, v, m, power] = [1, 0, 0, 1];
      for (const g of [2, -1, 3]) {
        power *= 0.75;
        v = round(round(0.75 * v) + round(0.25 * round(g * g)));
        m = round(round(0.75 * m) + round(0.25 * g));
        const square = corrected ? round(v / round(1 - power)) : v;
        const mean = corrected ? round(m / round(1 - power)) : m;
        let variance = centered ? round(square - round(mean * mean)) : square;
        if (epsIn) variance = round(variance + 0.25);
        const root = epsIn ? round(Math.sqrt(variance)) : round(round(Math.sqrt(variance)) + 0.25);
        const d = lrIn ? round(round(0.5 * g) / root) : round(0.5 * round(round(1 / root) * g));
        x = round(x - d);
      }
      return x;
    };
    expect(paramAfter({ centered: true })).toBe(formula(true, false, false, true));
    expect(paramAfter({ biasCorrection: true })).toBe(formula(false, true, false, true));
    expect(paramAfter({})).toBe(formula(false, false, false, true));
    // A preset follows its system: optax divides both, and its first step is lr * g / sqrt(eps).
    expect(paramAfter({ preset: "optax", ...pair })).toBe(formula(true, true, true, false));
  });

  test("S12: no preset has the pair among its own options", () => {
    for (const preset of [
      "torch",
      "torch2",
      "tf1",
      "keras",
      "tfjs",
      "optax",
      "timm",
      "mxnet",
      "mlx",
      "graves",
      "dqn",
      "hinton",
    ]) {
      const p = { name: "w", data: Floats.of(1), grad: Floats.of(1) };
      const [group] = new RMSprop([p], { preset: preset as "torch" }).paramGroups;
      expect(group?.biasCorrection).toBe(false);
    }
  });
});
