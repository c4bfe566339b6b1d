// Prints a digest of what must have the same bits on every runtime. Bundled, and run on each of them as it is.
import { createHash } from "node:crypto";
import { readWithPreset } from "../../lib/definition.ts";
import { cosPi } from "../../lib/numbers/exact-math.ts";
import { power } from "../../lib/numbers/power.ts";
import { definitions } from "../../lib/optimizers/all.ts";
import { defaultsOf } from "../../lib/options/option.ts";
import * as schedules from "../../lib/schedules/index.ts";
import { rowOf } from "./optimizers/all.ts";
import { scheduleCases } from "./schedule-cases.ts";

const count = 20_000;
const sequences: Record<string, (i: number) => number> = {
  cosPi: (i) => cosPi(i / count),
  power: (i) => power(1 - 1 / (i + 2), i * 3),
};
for (const [name, make] of Object.entries(scheduleCases)) {
  const rate = make(schedules);
  sequences[name] = (i) => rate(i + 1);
}

// The coefficients of every optimizer and preset, with what depends on the step.
for (const definition of definitions) {
  const defaults = defaultsOf<object>(definition.options);
  const options = [
    ["as it is", {}],
    ["by the step", rowOf(definition.name).fullest],
    ...Object.keys(definition.presets).map((preset) => [preset, { preset }] as const),
  ] as const;
  for (const [which, given] of options) {
    const read = readWithPreset(definition, defaults, given);
    const rate = sequences.exponential as (i: number) => number;
    const names = definition.rule.coefficients as readonly string[];
    // One coefficient after another, of one step after another.
    sequences[`${definition.name} ${which}`] = (i) => {
      const step = Math.floor(i / names.length) + 1;
      const type = step % 2 === 0 ? "float32" : "float64";
      return definition.coefficients(read, rate(step), step, type)[names[i % names.length] as string] as number;
    };
  }
}

for (const [name, value] of Object.entries(sequences)) {
  const values = Float64Array.from({ length: count }, (_, i) => value(i));
  const digest = createHash("sha256").update(new Uint8Array(values.buffer)).digest("hex");
  console.log(`${name} ${digest}`);
}
