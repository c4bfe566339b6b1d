import type { FloatArray } from "rmsprop";
import { Missing, type Streams } from "../work.ts";
import { type ContenderKind, firstParam, numbersOf, since } from "./contender.ts";

/** Options of a case, numbers all. */
type Options = Readonly<Record<string, number>>;
type Loop = (param: FloatArray, grad: FloatArray, slots: Streams["slots"], options: Options) => void;

function array(slots: Streams["slots"], name: string): FloatArray {
  const found = slots[name];
  if (!found) throw new Error(`Expected the library to have a slot ${name}.`);
  return found;
}

/** What a user would write who knows RMSprop and nothing of engines: one function over the arrays. */
function rmsprop(param: FloatArray, grad: FloatArray, slots: Streams["slots"], options: Options): void {
  const { lr, alpha, eps } = options as { lr: number; alpha: number; eps: number };
  const squareAvg = array(slots, "squareAvg");
  for (let i = 0; i < param.length; i++) {
    const g = grad[i] as number;
    const v = alpha * (squareAvg[i] as number) + (1 - alpha) * g * g;
    squareAvg[i] = v;
    param[i] = (param[i] as number) - (lr * g) / (Math.sqrt(v) + eps);
  }
}

/** The same with L2 weight decay, centered, with momentum. */
function rmspropFull(param: FloatArray, grad: FloatArray, slots: Streams["slots"], options: Options): void {
  const { lr, alpha, eps, weightDecay, momentum } = options as Record<string, number> & {
    lr: number;
    alpha: number;
    eps: number;
    weightDecay: number;
    momentum: number;
  };
  const squareAvg = array(slots, "squareAvg");
  const gradAvg = array(slots, "gradAvg");
  const momentumBuffer = array(slots, "momentumBuffer");
  for (let i = 0; i < param.length; i++) {
    const g = (grad[i] as number) + weightDecay * (param[i] as number);
    const v = alpha * (squareAvg[i] as number) + (1 - alpha) * g * g;
    const m = alpha * (gradAvg[i] as number) + (1 - alpha) * g;
    const b = momentum * (momentumBuffer[i] as number) + g / (Math.sqrt(Math.max(v - m * m, 0)) + eps);
    squareAvg[i] = v;
    gradAvg[i] = m;
    momentumBuffer[i] = b;
    param[i] = (param[i] as number) - lr * b;
  }
}

const loops: Readonly<Record<string, Loop>> = {
  "RMSprop squareAvg": rmsprop,
  "RMSprop squareAvg gradAvg momentumBuffer": rmspropFull,
};

/** A loop in JavaScript without any library. */
export const plainLoop: ContenderKind = {
  name: "plain loop",
  steps: true,
  against: "native",
  async create(work) {
    const { optimizer } = work.case;
    const slots = Object.keys(work.first.slots);
    const loop = loops[[optimizer, ...slots].join(" ")];
    if (!loop) throw new Missing(`no plain loop is written for ${optimizer} with ${slots.join(", ")}`);
    const numbers = numbersOf(work.case);
    return {
      run(times) {
        const start = performance.now();
        for (let i = 0; i < times; i++) {
          for (const { param, grad, slots } of work.arrays) loop(param, grad, slots, numbers);
        }
        return since(start);
      },
      param: () => firstParam(work),
    };
  },
};
