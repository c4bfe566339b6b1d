// Prints a digest of what must have the same bits on every runtime. Bundled, and run on each of them as it is.
import { createHash } from "node:crypto";
import { cosPi, integerPower } from "../../lib/exact-math.ts";
import * as schedules from "../../lib/schedules/index.ts";
import { scheduleCases } from "./schedule-cases.ts";

const count = 20_000;
const sequences: Record<string, (i: number) => number> = {
  cosPi: (i) => cosPi(i / count),
  integerPower: (i) => integerPower(1 - 1 / (i + 2), i * 3),
};
for (const [name, make] of Object.entries(scheduleCases)) {
  const rate = make(schedules);
  sequences[name] = (i) => rate(i + 1);
}

for (const [name, value] of Object.entries(sequences)) {
  const values = Float64Array.from({ length: count }, (_, i) => value(i));
  const digest = createHash("sha256").update(new Uint8Array(values.buffer)).digest("hex");
  console.log(`${name} ${digest}`);
}
