// Trainings of PyTorch 1.13.1 itself (test/peers/run_torch.py), written down as JSON in the middle: they go on here to the
// bits that they had there, and what we then write is what PyTorch then wrote.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { fromTorch, type TorchStateDict, toTorch } from "../../lib/checkpoint/index.ts";
import { definitions } from "../../lib/optimizers/all.ts";
import { asLists } from "../support/arrays.ts";
import { classOf } from "../support/classes.ts";
import { root } from "../support/compile.ts";
import { decode, drawsOf, ourOptions } from "../support/torch.ts";

interface Case {
  optimizer: string;
  options: Record<string, unknown>;
  group: Record<string, unknown>;
  written: { params: string[]; state: string }[];
}

const { lengths, half, cases } = JSON.parse(readFileSync(join(root, "test", "peers", "torch-states.json"), "utf8")) as {
  lengths: [number[], number[]];
  half: number;
  cases: Case[];
};

describe("a state that PyTorch wrote", () => {
  test("is there for every optimizer with the preset torch", () => {
    expect(new Set(cases.map(({ optimizer }) => optimizer))).toEqual(
      new Set(definitions.filter(({ presets }) => "torch" in presets).map(({ name }) => name)),
    );
  });

  test.each(cases)("$optimizer $options, $group: goes on here to the same bits, and back", (given) => {
    const [middle, end] = given.written as [Case["written"][number], Case["written"][number]];
    const groups = lengths.map((list) =>
      list.map((length) => ({ name: `p${length}`, grad: new Float32Array(length) })),
    );
    const params = groups.flat().map(({ name, grad }, i) => ({ name, grad, data: decode(middle.params[i] as string) }));
    const of = (g: number) => params.filter(({ name }) => groups[g]?.some((own) => own.name === name));
    // Its options come from the file, all but the preset.
    const optimizer = new (classOf(given.optimizer))([{ params: of(0) }, { params: of(1) }], { preset: "torch" });
    const theirs = JSON.parse(middle.state) as TorchStateDict;
    optimizer.loadStateDict(fromTorch(theirs, optimizer.stateDict(), { step: half }));
    expect(optimizer.paramGroups[0]).toMatchObject(ourOptions(given.options));
    expect(optimizer.paramGroups[1]).toMatchObject(ourOptions({ ...given.options, ...given.group }));

    const draws = params.map(({ grad }) => drawsOf(200 + 2 * grad.length));
    for (let step = 1; step <= 2 * half; step++) {
      for (const [i, { grad }] of params.entries()) {
        for (let j = 0; j < grad.length; j++) grad[j] = draws[i]?.() as number;
      }
      if (step > half) optimizer.step();
    }
    params.forEach(({ data, name }, i) => {
      expect(data, name).toEqual(decode(end.params[i] as string));
    });

    const written = asLists(toTorch(optimizer.stateDict()));
    const expected = JSON.parse(end.state) as TorchStateDict;
    expect(written.state).toEqual(expected.state);
    // Later versions have more that says how a step runs.
    expect(written.param_groups).toMatchObject(expected.param_groups);
  });
});
