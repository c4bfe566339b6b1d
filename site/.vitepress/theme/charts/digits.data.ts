// The trainings of the figure, as examples/digits-five.ts wrote them.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../pages.ts";

export interface Training {
  readonly title: string;
  readonly lr: number;
  readonly accuracy: number;
  readonly losses: readonly number[];
  /** Of each layer, every `every` steps. */
  readonly gradients: readonly (readonly number[])[];
  readonly changes: readonly (readonly number[])[];
}

export interface Trainings {
  readonly backend: string;
  readonly steps: number;
  readonly every: number;
  readonly batchSize: number;
  readonly layers: readonly string[];
  readonly trainings: Readonly<Record<"sgd" | "momentum" | "adagrad" | "adam" | "rmsprop", Training>>;
}

declare const data: Trainings;

export { data };

export default {
  load: (): Trainings => JSON.parse(readFileSync(join(root, "build", "site-data", "digits.json"), "utf8")),
};
