// The order in which the squares of a norm over several parameters are added, on every backend. It decides the last bit.
import { afterEach, describe, expect, it } from "vitest";
import { useBackend } from "../lib/backends/current.ts";
import { type Parameter, SGD } from "../lib/index.ts";
import { arrayType } from "./support/arena.ts";
import { uniformFrom } from "./support/cases.ts";
import { everyBackend, useOwnBackend } from "./support/every-backend.ts";

const names = [..."abcdefghijklmnopqrstuvwxyz"];

/** Two groups of parameters of one element, of both number types in turn. */
function make(mixed: boolean) {
  const parameters = names.map((name, i): Parameter => {
    const Floats = arrayType(mixed && i % 3 === 1 ? "float64" : "float32");
    return { name, data: Floats.of(0), grad: Floats.of(0) };
  });
  const groups = [{ params: parameters.slice(0, 20) }, { params: parameters.slice(20) }];
  const options = { lr: 2 ** -20, diagnostics: ["gradNorm"], ema: { decay: 0.5 } } as const;
  return { parameters, optimizer: new SGD(groups, options) };
}

type Made = ReturnType<typeof make>;

/** The parameters in the order that the documentation promises. */
function promised({ parameters, optimizer }: Made): readonly Parameter[] {
  return optimizer.paramGroups.flatMap(({ params }) => {
    const members = params.map((name) => parameters.find((parameter) => parameter.name === name) as Parameter);
    const bytes = ({ data }: Parameter) => data.BYTES_PER_ELEMENT;
    const byType = [...members].sort((x, y) => bytes(x) - bytes(y)); // a stable sort
    const countsOf = ({ name }: Parameter) => {
      const { step, averaged, accumulated } = optimizer.state(name);
      return `${step} ${averaged} ${accumulated}`;
    };
    const counts = [...new Set(byType.map(countsOf))];
    return counts.flatMap((each) => byType.filter((parameter) => countsOf(parameter) === each));
  });
}

/** The norm of gradients of one element each. The square of a float32 is a float64, and so is its root. */
function normOf(parameters: readonly Parameter[]): number {
  let squares = 0;
  for (const { grad } of parameters) {
    const norm = Math.sqrt(Number(grad?.[0]) ** 2);
    squares += norm * norm;
  }
  return Math.sqrt(squares);
}

const gradNormOf = ({ optimizer }: Made) => optimizer.lastStep?.gradNorm;

describe.each(Object.entries(everyBackend))("the order of norms, %s", (_, backend) => {
  afterEach(useOwnBackend);

  it.each([false, true])(
    "goes by groups, number types, counts, and the lists, resumed or not; mixed types: %s",
    (mixed) => {
      useBackend(backend);
      const uniform = uniformFrom(5);
      let others = 0;
      for (let round = 0; round < 60; round++) {
        const whole = make(mixed);
        const chosen = () => names.filter(() => uniform() < 0.5);
        for (let call = 0; call < 4; call++) {
          for (const group of whole.optimizer.paramGroups) group.ema = uniform() < 0.5 ? { decay: 0.5 } : null;
          const arrays = chosen().map((name) => {
            const { grad } = whole.parameters.find((parameter) => parameter.name === name) as Parameter;
            return [name, { grad: (grad as Float32Array).map(() => uniform()) }] as const;
          });
          whole.optimizer.step(Object.fromEntries(arrays));
        }
        const resumed = make(mixed);
        resumed.optimizer.loadStateDict(whole.optimizer.stateDict());
        for (let step = 0; step < 2; step++) {
          whole.parameters.forEach(({ grad }, i) => {
            (grad as Float32Array)[0] = uniform();
            (resumed.parameters[i]?.grad as Float32Array)[0] = (grad as Float32Array)[0] as number;
          });
          const expected = normOf(promised(whole));
          if (expected !== normOf(whole.parameters)) others++;
          whole.optimizer.step();
          resumed.optimizer.step();
          expect([gradNormOf(whole), gradNormOf(resumed)]).toEqual([expected, expected]);
        }
      }
      expect(others).toBeGreaterThan(3); // else any order would do
    },
  );

  it("goes by the calls that wait, where what was accumulated is flushed", () => {
    useBackend(backend);
    const uniform = uniformFrom(6);
    let others = 0;
    for (let round = 0; round < 60; round++) {
      const parameters = names.map((name) => ({ name, data: Float32Array.of(0), grad: Float32Array.of(uniform()) }));
      const options = { lr: 0.5, gradientAccumulationSteps: 4, diagnostics: ["gradNorm"] } as const;
      const made: Made = { parameters, optimizer: new SGD(parameters, options) as Made["optimizer"] };
      made.optimizer.step();
      const again = parameters.filter(() => uniform() < 0.5); // the mean of two equal ones is that gradient
      made.optimizer.step(Object.fromEntries(again.map(({ name, grad }) => [name, grad])));
      const expected = normOf(promised(made));
      if (expected !== normOf(parameters)) others++;
      made.optimizer.flushAccumulated();
      expect(gradNormOf(made)).toBe(expected);
    }
    expect(others).toBeGreaterThan(3);
  });
});
