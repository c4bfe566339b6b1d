// Gradients that a step makes, as an optimizer takes them (support/sources.ts): under every optimizer, with the options that
// look at gradients, each leaves the bits of a step over the gradient that is formed; and what `allocate` makes of them.
import { afterEach, describe, expect, test } from "vitest";
import { useBackend } from "../lib/backends/current.ts";
import { allocate, type FloatArray, type NumberType, SGD } from "../lib/index.ts";
import { divideBy } from "../lib/parameters/standing.ts";
import { plain, refuses, values } from "./support/arrays.ts";
import { full, numberTypes } from "./support/cases.ts";
import { classes, classOf } from "./support/classes.ts";
import { everyBackend, useOwnBackend } from "./support/every-backend.ts";
import { difference, type Make, shapes, sizeOf, sources } from "./support/sources.ts";

afterEach(useOwnBackend);

const optionSets: Readonly<Record<string, object>> = {
  plain: {},
  "everything that looks at gradients": {
    ...{ clipValue: 1, clipNorm: 2, clipGlobalNorm: 3, skipNonFinite: true, gradScale: 0.5, weightDecay: 0.01 },
    ...{ diagnostics: ["gradNorm", "nonFinite", "clipped", "updateNorm", "largestUpdate"], ema: { decay: 0.9 } },
  },
  accumulated: { gradientAccumulationSteps: 2, clipValue: 0.5 },
};

const nameOf = (i: number) => `p${i}`;

/** Optimizers over the same values, one stepped by what is given and one by what is formed. */
function pair(name: string, type: NumberType, options: object) {
  const make = () => shapes.map((shape, i) => ({ name: nameOf(i), shape, data: values(type, sizeOf(shape), i) }));
  const [given, formed] = [make(), make()];
  const optimizerOf = (parameters: ReturnType<typeof make>) =>
    new (classOf(name))(
      parameters.map((each) => ({ ...each, grad: null })),
      options,
    );
  return { given, formed, stepped: optimizerOf(given), expected: optimizerOf(formed) };
}

/** Those whose parts are of several kinds, unless all are asked for: sources-bits.test.ts has the others. */
const chosen = full ? Object.keys(sources) : ["a list of all", "transposed factors", "the mean of 3 replicas"];

describe.each(Object.keys(everyBackend))("on %s", (backend) => {
  describe.each(chosen)("%s", (source) => {
    const every = full || (backend === "native" && source === "a list of all");
    test.each(every ? Object.keys(classes) : ["RMSprop"])(
      "%s leaves the bits of the gradient that is formed",
      (name) => {
        for (const [title, options] of Object.entries(optionSets)) {
          for (const type of numberTypes) {
            useBackend(everyBackend[backend] as never);
            const { given, formed, stepped, expected } = pair(name, type, { lr: 0.01, ...options });
            for (let step = 1; step <= 3; step++) {
              const made = shapes.map((shape, i) => (sources[source] as Make)(type, shape, 1000 * step + 7 * i));
              const entries = made.map(({ given }, i) => [nameOf(i), { grad: given }] as const);
              stepped.step(Object.fromEntries(entries) as never);
              expected.step(Object.fromEntries(made.map(({ formed }, i) => [nameOf(i), formed])));
              expect({ ...stepped.lastStep }, title).toMatchObject({ ...expected.lastStep });
              given.forEach(({ data }, i) => {
                const where = `${title}, ${type}, [${shapes[i]}], step ${step}`;
                expect(difference(data, formed[i]?.data as FloatArray), where).toBeUndefined();
              });
            }
            expect(plain(stepped.stateDict())).toEqual(plain(expected.stateDict()));
          }
        }
      },
    );
  });
});

describe("allocate() with replicas", () => {
  test.each([undefined, true])("gives each worker its own gradients, which a step adds; shared: %s", async (shared) => {
    const model = allocate({ w: [2, 3], b: [3] }, { replicas: 3, ...(shared && { shared }) });
    expect(model.replicas).toHaveLength(3);
    expect(model.replicas[0]?.grads).toBe(model.grads);
    model.replicas.forEach(({ grads }, i) => {
      grads.w.fill(i + 1);
      grads.b.fill(10 * (i + 1));
    });
    const optimizer = new SGD(model.parameters, { lr: 1, zeroGrads: true });
    await optimizer.stepAsync();
    expect([...model.params.w, ...model.params.b]).toEqual([-6, -6, -6, -6, -6, -6, -60, -60, -60]);
    for (const { grads } of model.replicas) expect([...grads.w, ...grads.b].every((value) => value === 0)).toBe(true);
    model.dispose();
    if (!shared) refuses(() => optimizer.step(), "ERR_DETACHED", /the .* of 'w'/, []);
  });

  test.each([0, 65, 1.5, "2", Number.NaN])("refuses %s of them", (replicas) => {
    refuses(
      () => allocate({ w: [1] }, { replicas: replicas as number }),
      "ERR_OPTION",
      /'replicas' .* from 1 to 64/,
      [],
    );
  });
});

test("a divisor that is set counts from the next step on, of a list that a parameter stands with", () => {
  const model = allocate({ w: [2] }, { replicas: 3 });
  const optimizer = new SGD(model.parameters, { lr: 1 });
  for (const [i, { grads }] of model.replicas.entries()) grads.w.fill(i + 1);
  optimizer.step();
  expect([...model.params.w]).toEqual([-6, -6]);
  divideBy([model.parameters[0]?.grad as object], 3);
  optimizer.step();
  optimizer.step({ w: { grad: model.parameters[0]?.grad as never } });
  expect([...model.params.w]).toEqual([-10, -10]);
  const ordinary = new SGD(allocate({ w: [2] }).parameters, { lr: 1 });
  expect(optimizer.stateDict().paramGroups).toEqual(ordinary.stateDict().paramGroups);
  divideBy([model.parameters[0]?.grad as object], 1);
  optimizer.step();
  expect([...model.params.w]).toEqual([-16, -16]);
});
