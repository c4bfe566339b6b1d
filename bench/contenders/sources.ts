// What the steps that make their gradients are measured against: forming the gradient in memory, then a plain step.
import { allocate, type FloatArray } from "rmsprop";
import { loadAddon } from "../addon.ts";
import { type FactorArrays, Missing, type Work } from "../work.ts";
import { type ContenderKind, firstParam, repeated } from "./contender.ts";
import { plainOptimizer } from "./pipeline.ts";

/** @param gradOf Makes the array that the gradient is formed in, where that is not the case's own. */
function formedKind(
  name: string,
  formOf: (work: Work) => () => void,
  gradOf = (work: Work): FloatArray => work.first.grad,
): ContenderKind {
  return {
    name,
    steps: true,
    against: "native",
    async create(given) {
      const first = { ...given.first, grad: gradOf(given) };
      const work = { ...given, arrays: [first], first };
      const form = formOf(work);
      const optimizer = plainOptimizer(work);
      const step = () => {
        form();
        optimizer.step();
      };
      return { run: repeated(step), param: () => firstParam(work) };
    },
  };
}

function factorsOf({ first: { factors } }: Work): FactorArrays {
  if (!factors) throw new Missing("the case has no factors");
  return factors;
}

const formedIn = (loop: string) => (work: Work) => {
  const { x, y, batch, rows, columns } = factorsOf(work);
  const form = loadAddon(work.isa).form(loop, [x, y, work.first.grad], [batch, rows, columns]);
  if (!form) throw new Missing(`no loop is written by the name ${loop}`);
  return form;
};

/** The loops that one would write by hand in C++. */
export const formedByRows = formedKind("formed by rows", formedIn("rows"));
export const formedByBatch = formedKind("formed by batch", formedIn("batch"));

/** The library's own blocks, into memory. */
export const formedByBlocks = formedKind("formed by blocks", formedIn("blocks"));

/** The loops that one would write by hand in JavaScript. */
export const formedInScript = formedKind("formed in JavaScript", (work) => {
  const { x, y, batch, rows, columns } = factorsOf(work);
  const { grad } = work.first;
  return () => {
    grad.fill(0);
    for (let b = 0; b < batch; b++) {
      for (let i = 0; i < rows; i++) {
        const value = x[b * rows + i] as number;
        const at = i * columns;
        for (let j = 0; j < columns; j++) {
          grad[at + j] = (grad[at + j] as number) + value * (y[b * columns + j] as number);
        }
      }
    }
  };
});

/** A pass in C++ over all gradients at once, on as many threads as the step has. */
function summed(
  work: Work,
  loop: string,
  arraysOf: (replicas: readonly FloatArray[]) => readonly FloatArray[],
): () => void {
  const { replicas } = work.first;
  if (!replicas) throw new Missing("the case has no replicas");
  const numbers = [0, 0, 0, 0, 0, 1, -0, 0];
  const sum = loadAddon(work.isa).work(loop, [arraysOf(replicas)], work.threads, numbers);
  if (!sum) throw new Missing(`no sum is written by the name ${loop}`);
  return sum;
}

const replicasOf = ({ first: { replicas } }: Work) => replicas?.length;

/** The sum takes the first gradient's place. */
export const sumInPlace = formedKind("sum in place, step", (work) =>
  summed(
    work,
    `sum of ${replicasOf(work)}`,
    ([first, ...others]) => [others.at(-1), first, ...others.slice(0, -1)] as FloatArray[],
  ),
);

/** The gradients stay as they are: the sum has an array of its own, which is what the step reads. */
export const sumApart = formedKind(
  "sum apart, step",
  (work) =>
    summed(
      work,
      `sum of ${replicasOf(work)} apart`,
      (replicas) => [replicas.at(-1), work.first.grad, ...replicas.slice(0, -1)] as FloatArray[],
    ),
  (work) => allocate({ sum: [work.first.param.length] }).params.sum,
);
