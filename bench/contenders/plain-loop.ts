import type { FloatArray } from "rmsprop";
import { Missing, type Streams } from "../work.ts";
import { type ContenderKind, firstParam, numbersOf, repeated } from "./contender.ts";
import { fastest } from "./limit.ts";

/** Options of a case, numbers all. */
type Options = Readonly<Record<string, number>>;
type Loop = (param: FloatArray, grad: FloatArray, slots: Streams["slots"], options: Options) => void;

function array(slots: Streams["slots"], name: string): FloatArray {
  const found = slots[name];
  if (!found) throw new Error(`Expected the library to have a slot ${name}.`);
  return found;
}

const fround = Math.fround;

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

/** The same, with whatever does not change taken out of the loop. */
function rmspropHoisted(param: FloatArray, grad: FloatArray, slots: Streams["slots"], options: Options): void {
  const { lr, alpha, eps } = options as { lr: number; alpha: number; eps: number };
  const squareAvg = array(slots, "squareAvg");
  const [{ length }, beta] = [param, 1 - alpha];
  for (let i = 0; i < length; i++) {
    const g = grad[i] as number;
    const v = alpha * (squareAvg[i] as number) + beta * (g * g);
    squareAvg[i] = v;
    param[i] = (param[i] as number) - (lr * g) / (Math.sqrt(v) + eps);
  }
}

/** The same, rounded after each operation, so that the engine may compute in float32. */
function rmspropRounded(param: FloatArray, grad: FloatArray, slots: Streams["slots"], options: Options): void {
  const squareAvg = array(slots, "squareAvg");
  const { length } = param;
  const [lr, alpha, eps] = [options["lr"], options["alpha"], options["eps"]].map((x) => fround(x as number)) as [
    number,
    number,
    number,
  ];
  const beta = fround(1 - (options["alpha"] as number));
  for (let i = 0; i < length; i++) {
    const g = grad[i] as number;
    const v = fround(fround(alpha * (squareAvg[i] as number)) + fround(beta * fround(g * g)));
    squareAvg[i] = v;
    const root = fround(fround(Math.sqrt(v)) + eps);
    param[i] = fround((param[i] as number) - fround(fround(lr * g) / root));
  }
}

/** With L2 weight decay, centered, with momentum. */
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

const loops: Readonly<Record<string, Readonly<Record<string, Loop>>>> = {
  "RMSprop squareAvg": { "as written": rmsprop, hoisted: rmspropHoisted, rounded: rmspropRounded },
  "RMSprop squareAvg gradAvg momentumBuffer": { "as written": rmspropFull },
};

const trialSize = 2 ** 14;
/** Spellings round in other places. */
const tolerance = 1e-3;

/** The beginning of arrays, copied. */
function copyOf({ param, grad, slots }: Streams): Streams {
  const copy = (whole: FloatArray) => whole.slice(0, trialSize);
  const copies = Object.entries(slots).map(([name, slot]) => [name, copy(slot)]);
  return { param: copy(param), grad: copy(grad), slots: Object.fromEntries(copies) };
}

/** The fastest of several spellings, over copies of a case's arrays. They must move parameters alike. */
function fastestOf(spellings: Readonly<Record<string, Loop>>, streams: Streams, options: Options) {
  const trials = Object.entries(spellings).map(([note, loop]) => {
    const { param, grad, slots } = copyOf(streams);
    const run = repeated(() => loop(param, grad, slots, options));
    run(1);
    return { note, loop, param, run, bytesPerElement: 1 };
  });
  const [first] = trials as [(typeof trials)[number]];
  for (const { note, param } of trials) {
    for (const [i, value] of param.entries()) {
      const moved = (first.param[i] as number) - (streams.param[i] as number);
      if (!(Math.abs(value - (first.param[i] as number)) <= tolerance * Math.abs(moved) + 1e-6)) {
        throw new Error(`The plain loop, ${note}, computes something else at element ${i}.`);
      }
    }
  }
  return fastest(trials);
}

/** A loop in JavaScript without any library: the fastest of its spellings on this machine. */
export const plainLoop: ContenderKind = {
  name: "plain loop",
  steps: true,
  against: "native",
  async create(work) {
    const { optimizer, type } = work.case;
    const slots = Object.keys(work.first.slots);
    const { rounded, ...others } = loops[[optimizer, ...slots].join(" ")] ?? {};
    const spellings = { ...others, ...(rounded && type === "float32" ? { rounded } : {}) };
    if (Object.keys(spellings).length === 0) {
      throw new Missing(`no plain loop is written for ${optimizer} with ${slots.join(", ")}`);
    }
    const options = numbersOf(work.case);
    const { loop, note } = fastestOf(spellings, work.first, options);
    const run = repeated(() => {
      for (const { param, grad, slots } of work.arrays) loop(param, grad, slots, options);
    });
    return { run, note, param: () => firstParam(work) };
  },
};
