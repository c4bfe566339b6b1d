// The README's programs run as pasted, and the package loads by import and by require.
import { describe, expect, test } from "vitest";
import { blocksOf, runPasted } from "./support/pasted.ts";

const [whole, ...pieces] = blocksOf("README.md").flatMap(({ language, text }) => (language === "js" ? [text] : []));

/** What the README's pieces take for given. */
const given = `
  import * as library from "rmsprop";
  Object.assign(globalThis, { ...library });
  const model = library.allocate({ w: [3], b: [2] });
  const weights = [model.parameters[0]];
  const biases = [model.parameters[1]];
  const optimizer = new library.RMSprop(model.parameters);
  const other = new library.RMSprop(library.allocate({ w: [3], b: [2] }).parameters);
  const [data, grad, out] = [new Float32Array(3), new Float32Array(3), new Float32Array(3)];`;

describe("the README", () => {
  test("its example runs as pasted and fits its line", () => {
    const [backend, , slope, intercept] = runPasted(whole as string)
      .trim()
      .split(" ");
    expect(backend).toBe(process.env.RMSPROP_BACKEND ?? "native");
    expect(Number(slope)).toBeCloseTo(3, 1);
    expect(Number(intercept)).toBeCloseTo(-1, 1);
  });

  test.each(pieces.map((text, i) => ({ piece: i + 1, text })))(
    "piece $piece runs where its names are given",
    ({ text }) => {
      const imports = text.match(/^import .*$/gm) ?? [];
      const rest = text.replace(/^import .*$/gm, "");
      expect(runPasted([...imports, given, `{${rest}}`, 'console.log("done");'].join("\n"))).toMatch(/done\n$/);
    },
  );
});

test("require gives what import gives", () => {
  const program = `
    const required = require("rmsprop");
    import("rmsprop").then((imported) => {
      console.log(required.RMSprop === imported.RMSprop, required.backend === imported.backend, Object.keys(required).length);
    });`;
  expect(runPasted(program, process.execPath, "example.cjs")).toMatch(/^true true \d+\n$/);
});
