// What the examples with TensorFlow.js have in common: their arguments, the backend, the loop of a training that shows its
// progress and measures the optimizer, and the report at the end.

import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import * as tf from "@tensorflow/tfjs";
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import { digest } from "../digest.ts";
import { Progress } from "../progress.ts";

const optimizers = ["rmsprop", "builtin"] as const;
const backends = ["wasm", "cpu"] as const;

export type Backend = (typeof backends)[number];

/** What a row of the report says, by its label. */
export type Report = Readonly<Record<string, string>>;

/** A run of an example, by its arguments. */
export interface Run {
  /** Whether to train with TensorFlow.js's own optimizer, and not with ours. */
  readonly builtin: boolean;
  readonly backend: Backend;
  /** How many steps to take. */
  readonly steps: number;
  /** Measures the time of an optimizer's steps, and returns the optimizer. */
  measured<T extends tf.Optimizer>(optimizer: T): T;
  /**
   * Takes the steps.
   * @param step Takes one, they count from 1, and returns what the progress bar shows.
   * @param value What that is. Default: "loss".
   */
  train(step: (step: number) => number | Promise<number>, value?: string): Promise<void>;
  /** Prints what a training came to, and a digest of its weights: equal digests are equal bits. */
  report(rows: Report, weights: readonly tf.Tensor[]): void;
}

/**
 * Reads the arguments of the process and sets up the backend.
 * @param defaultSteps How many steps to take on each backend, unless the arguments say so.
 */
export async function begin(defaultSteps: Readonly<Record<Backend, number>>): Promise<Run> {
  const { optimizer, backend, steps } = readArguments(defaultSteps);
  await setUp(backend);
  let whose = "no optimizer";
  let seconds = 0;
  let stepSeconds = 0;

  return {
    builtin: optimizer === "builtin",
    backend,
    steps,

    measured(measured) {
      whose = "lastStep" in measured ? "the optimizer of rmsprop/tfjs" : "TensorFlow.js's own optimizer";
      const apply = measured.applyGradients.bind(measured);
      measured.applyGradients = (gradients) => {
        const before = performance.now();
        apply(gradients);
        stepSeconds += (performance.now() - before) / 1000;
      };
      return measured;
    },

    async train(step, value = "loss") {
      console.log(`Training for ${steps} steps with ${whose} on the backend ${backend}.`);
      const progress = new Progress({ steps, value });
      const start = performance.now();
      for (let next = 1; next <= steps; next++) {
        progress.step(await step(next));
        if (next % Math.ceil(steps / 10) === 0 && next < steps) progress.line();
      }
      seconds = (performance.now() - start) / 1000;
      progress.stop();
    },

    report(rows, weights) {
      const all: Report = {
        ...rows,
        "digest of the weights": digest(weights.map((tensor) => tensor.dataSync<"float32">())),
        training: `${seconds.toFixed(2)} s`,
        "optimizer's share of it": percent(stepSeconds / seconds),
        "one step of the optimizer": `${((1000 * stepSeconds) / steps).toFixed(3)} ms`,
      };
      console.log();
      for (const [label, text] of Object.entries(all)) console.log(`  ${label.padEnd(28)}${text.padStart(20)}`);
      console.log();
    },
  };
}

/** A number with the digits that tell it from all other float32 numbers: equal texts are equal bits. */
export function exact(scalar: tf.Scalar): string {
  return String(Number(scalar.arraySync().toPrecision(9)));
}

export function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`;
}

function readArguments(defaultSteps: Readonly<Record<Backend, number>>) {
  try {
    const { values } = parseArgs({
      options: {
        optimizer: { type: "string", default: optimizers[0] },
        backend: { type: "string", default: backends[0] },
        steps: { type: "string" },
      },
    });
    const backend = oneOf("backend", backends, values.backend);
    return {
      optimizer: oneOf("optimizer", optimizers, values.optimizer),
      backend,
      steps: values.steps === undefined ? defaultSteps[backend] : positive("steps", values.steps),
    };
  } catch (error) {
    console.error((error as Error).message);
    process.exit(1);
  }
}

function oneOf<T extends string>(option: string, known: readonly T[], given: string): T {
  const found = known.find((one) => one === given);
  if (found === undefined) throw new Error(`Expected --${option} to be ${known.join(" or ")}, but found "${given}".`);
  return found;
}

function positive(option: string, given: string): number {
  if (!/^[1-9][0-9]{0,8}$/.test(given)) {
    throw new Error(`Expected --${option} to be a whole number of 1 or more, but found "${given}".`);
  }
  return Number(given);
}

async function setUp(backend: Backend): Promise<void> {
  tf.enableProdMode(); // which leaves out its advice to install another backend
  if (backend === "wasm") {
    const wasm = createRequire(import.meta.url).resolve("@tensorflow/tfjs-backend-wasm/package.json");
    setWasmPaths(join(dirname(wasm), "dist/"));
  }
  if (!(await tf.setBackend(backend))) {
    throw new Error(`Expected TensorFlow.js to start its backend ${backend}, but it did not.`);
  }
}
