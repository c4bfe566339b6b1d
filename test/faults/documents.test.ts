// Faults that were found by using the package; each test has the number under which it was reported. Here: what pages said wrongly
// or did not say. What concerns the README and the programs on pages is in test/pages.test.ts and test/api.test.ts.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { RMSprop, Rprop } from "../../lib/index.ts";
import { root } from "../support/compile.ts";
import { textOf } from "../support/pages.ts";

const sectionOf = (page: string, title: string) => {
  const text = textOf(page);
  const start = text.indexOf(`### \`${title}\`\n`);
  return text.slice(start, text.indexOf("\n#", start + 1));
};

describe("docs/options.md", () => {
  it("6: says that what gradientAccumulationSteps adds is scaled already, which it is", () => {
    const w = { name: "w", data: Float32Array.of(1), grad: Float32Array.of(3) };
    const options = { gradientAccumulationSteps: 4, gradScale: 2, lossScale: { initial: 8 } };
    const optimizer = new RMSprop([w], options);
    optimizer.step();
    expect(sectionOf("docs/options.md", "gradientAccumulationSteps")).toContain(
      "`gradAccumulator = gradAccumulator + (gradScale / (lossScale * n)) * grad`",
    );
    expect(optimizer.state("w").gradAccumulator).toEqual(Float32Array.of((2 / (8 * 4)) * 3));
  });

  it("6: has Rprop's update, which is what a step does", () => {
    const data = Float32Array.of(1, 1, 1);
    const grad = Float32Array.of(2, -3, 0);
    const optimizer = new Rprop([{ name: "w", data, grad }], { lr: 0.25 });
    optimizer.step();
    expect(sectionOf("docs/options.md", "etas")).toContain("`param = param - sign(grad) * stepSize`");
    expect(data).toEqual(Float32Array.of(0.75, 1.25, 1));
  });
});

it("6: docs/presets.md says for which centered its defaults are others: true, not any that is given", () => {
  const text = textOf("docs/presets.md");
  expect(text).toContain("defaults if `centered` is true");
  expect(text).not.toContain("if `centered` is given");
});

it.each(["optimizer.addParamGroup()", "optimizer.state()", "optimizer.dispose()", "OptimError", "ERR_ALIASED"])(
  "6: docs/api.md has %s under a heading",
  (name) => {
    expect(textOf("docs/api.md")).toMatch(new RegExp(`^#+ \`${name.replace(/[.()]/g, "\\$&")}\`$`, "m"));
  },
);

it("17: the tree in CONTRIBUTING.md has every file and folder of lib/", () => {
  const [, tree = ""] = readFileSync(join(root, "CONTRIBUTING.md"), "utf8").split("```");
  const names = readdirSync(join(root, "lib"), { withFileTypes: true });
  expect(names.length).toBeGreaterThan(15);
  const absent = names
    .map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name))
    .filter((name) => !tree.split(/\s+/).includes(name));
  expect(absent).toEqual([]);
});

it("3: docs/checkpoints.md says that a learning rate that is a function is given again, and its program does so", () => {
  const text = textOf("docs/checkpoints.md");
  expect(text).toContain("**Give the learning rate again.**");
  expect(text).toContain("new RMSprop(next.parameters, options)");
});
