// Programs in which a step that writes variables by its own way could go wrong: TensorFlow.js's own optimizer gives what is
// expected of it, and ours the same or what is said beside.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { hazards, type Way, ways } from "./support/hazards.ts";
import { momentum } from "./support/optimizers.ts";
import { tf, useBackend } from "./support/tensorflow.ts";

const usual = momentum("Momentum", 0.5, 0.5);

describe.each(Object.keys(ways) as Way[])("%s", (way) => {
  const { backend, write } = ways[way];

  beforeEach(async () => {
    await useBackend(backend);
    tf.engine().startScope();
  });

  afterEach(() => {
    tf.disposeVariables();
    tf.engine().endScope();
  });

  describe.each(hazards)("$title", ({ run, builtin, ours = builtin, inPlaceOnCpu = ours }) => {
    test("builtin", async () => {
      expect(await run((pair = usual) => pair.builtin(), backend)).toEqual(builtin);
    });

    test("ours", async () => {
      const expected = way === "cpu, in place" ? inPlaceOnCpu : ours;
      expect(await run((pair = usual) => pair.ours({ write }), backend)).toEqual(expected);
    });
  });
});
