// Paths as the package computes them in this page: its build for browsers, on its WebAssembly kernels.
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import * as rmsprop from "rmsprop";
import type { RMSpropPresetName } from "../../../../lib/optimizers/rmsprop-options.ts";
import { bytesOf, pathOf, pathsOf } from "../../../../lib/paths/index.ts";
import { type Kind, type Options, type State, settingsOf, shownOf } from "./state.ts";

export const backend = rmsprop.backend;

type Numbers = Float32Array | Float64Array;

/** What RMSprop saw and kept at each of its steps: x and y after one another. */
export interface Inside {
  readonly gradients: Float32Array;
  readonly meanSquares: Float32Array;
}

export interface Paths {
  /** The points of each path, x and y after one another, the start first. */
  readonly paths: ReadonlyMap<Kind, Numbers>;
  readonly inside: Inside | undefined;
  /** SHA-256 of the paths' bytes, which `npx rmsprop replay` prints too. */
  readonly hash: string;
}

/** RMSprop, which writes down what each step sees. */
function recording(inside: Inside): typeof rmsprop {
  let at = 0;
  class Recorded extends rmsprop.RMSprop {
    readonly #grad: Float32Array;
    constructor(parameters: { name: string; data: Float32Array; grad: Float32Array }[], options: object) {
      super(parameters, options);
      this.#grad = parameters[0]?.grad as Float32Array;
    }
    override step(): void {
      super.step();
      inside.gradients.set(this.#grad, at);
      inside.meanSquares.set(this.state("position").squareAvg as Float32Array, at);
      at += 2;
    }
  }
  return { ...rmsprop, RMSprop: Recorded as unknown as typeof rmsprop.RMSprop };
}

export function compute(state: State): Paths {
  const settings = settingsOf(state);
  const shown = shownOf(state);
  const paths = settings.runs.length === 0 ? [] : pathsOf(settings, rmsprop);
  const rmspropRun = settings.runs.find(({ optimizer }) => optimizer === "RMSprop");
  let inside: Inside | undefined;
  if (rmspropRun) {
    inside = { gradients: new Float32Array(2 * state.steps), meanSquares: new Float32Array(2 * state.steps) };
    pathOf(settings, rmspropRun, recording(inside));
  }
  return {
    paths: new Map(shown.map((kind, i) => [kind, paths[i] as Numbers])),
    inside,
    hash: bytesToHex(sha256(bytesOf(paths))),
  };
}

/** How RMSprop is put together with a preset, which the formula shows. */
export interface Form {
  readonly epsInSqrt: boolean;
  readonly lrInMomentum: boolean;
}

/** What a preset brings, as the package itself says. */
export function presetOptions(preset: RMSpropPresetName | ""): Omit<Options, "lr"> & Form {
  const parameter = { name: "x", data: new Float32Array(1), grad: new Float32Array(1) };
  const optimizer = new rmsprop.RMSprop([parameter], preset === "" ? {} : { preset, lr: 0.01 });
  const { alpha, eps, momentum, centered, epsInSqrt, lrInMomentum } = optimizer.paramGroups[0] as unknown as Omit<
    Options,
    "lr"
  > &
    Form;
  optimizer.dispose();
  return { alpha, eps, momentum, centered, epsInSqrt, lrInMomentum };
}
