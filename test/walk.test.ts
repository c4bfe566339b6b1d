import { expect, test } from "vitest";
import { full } from "./support/cases.ts";
import { asan } from "./support/native-loaded.ts";
import { Walk } from "./support/walk/walk.ts";

const seed = Number(process.env.RMSPROP_SEED ?? Date.now() % 2 ** 31);
const calls = Number(process.env.RMSPROP_WALK ?? (asan ? 1_000_000 : full ? 200_000 : 15_000));

/** Further things that steps must have done. */
const events = [
  ...["skipped", "only accumulated", "some only accumulated", "clipped by value", "clipped by norm", "averaged"],
  ...["measured a norm", "measured the update", "moved the loss scale", "zeroed gradients", "exchanged averages"],
  ...["flushed", "dropped", "left out by null", "given a bare gradient", "given all its arrays", "made a gradient"],
];

test(`a random walk of ${calls} calls over the whole interface`, { timeout: 1_800_000 }, async () => {
  console.log(`the walk's seed is ${seed}; RMSPROP_SEED=${seed} takes it again`);
  const walk = new Walk(seed);
  let made = 0;
  const count = () => Object.values(walk.counts).reduce((sum, [all]) => sum + all, 0);
  for (let turn = 0; made < calls; turn++) {
    try {
      await walk.take();
    } catch (error) {
      throw new Error(`RMSPROP_SEED=${seed}, turn ${turn}: ${(error as Error).message}`, { cause: error });
    }
    if (turn % 100 === 0) made = count();
  }
  const table = Object.entries(walk.counts).map(([name, [all, refused]]) => `${name} ${all} (${refused} refused)`);
  console.log(`${count()} calls: ${table.join(", ")}`);
  console.log(`of their steps: ${JSON.stringify(walk.events)}`);
  const wanted = [
    "step",
    "step with arrays",
    "loadStateDict",
    "construct",
    "allocate",
    "dispose in flight",
    "swapEma",
    "set a batch",
  ];
  for (const name of wanted) expect(walk.counts[name]?.[0], name).toBeGreaterThan(0);
  // Short walks may not come to all of it.
  for (const event of calls < 10_000 ? [] : events) expect(walk.events[event], event).toBeGreaterThan(0);
});
