import { readArguments } from "./arguments.ts";
import { modelBucketBytes, payloadAtBest, stepCost } from "./cost-model.ts";
import { print } from "./output.ts";

const help = `usage: rmsprop ranks [--bandwidth Gbit/s] [--elements n]

Says what a step of rmsprop/distributed takes on 1 to 1,000 ranks, one a machine, by a model: float32, momentum, 0.45 ns an
element for the plain step, buckets as ranks.shard() makes them by itself.

  --bandwidth   of each machine's link, 10 by default
  --elements    of all parameters, 1e9 by default`;

/** Beyond these the model's numbers leave those of JavaScript, and any cluster. */
const most = { bandwidth: 1e6, elements: 1e15 };
const least = { bandwidth: 1e-3, elements: 1 };

const counts = [1, 2, 4, 8, 16, 64, 256, 1000];

const digits = (value: number) => (value === 0 ? "0" : value.toPrecision(3));

export function ranks(args: readonly string[]): number {
  const given = readArguments(args, help, { bandwidth: { type: "string" }, elements: { type: "string" } });
  if (typeof given === "number") return given;
  const { bandwidth = "10", elements = "1e9" } = given.values;
  for (const [name, text] of Object.entries({ bandwidth, elements }) as ["bandwidth" | "elements", string][]) {
    const number = Number(text);
    if (number >= least[name] && number <= most[name]) continue;
    const domain = `a number from ${least[name]} to ${most[name].toExponential().replace("+", "")}`;
    console.error(`Expected --${name} to be ${domain}, but found ${JSON.stringify(text)}.\n${help}`);
    return 2;
  }
  const row = (cells: readonly string[]) => cells.map((cell) => cell.padStart(12)).join("");
  print(row(["ranks", "travel s", "messages s", "step s", "total s", "state GB"]));
  for (const count of counts) {
    const cluster = {
      ...{ elements: Number(elements), bytesPerElement: 4, ranks: count, stepPerElement: 0.45e-9 },
      ...{
        bytesPerSecond: payloadAtBest(Number(bandwidth) * 1e9),
        bucketBytes: modelBucketBytes(4 * Number(elements), count),
      },
    };
    const { travel, messages, step, total } = stepCost(cluster);
    const state = (8 * Number(elements)) / count / 1e9;
    print(row([String(count), ...[travel, messages, step, total, state].map(digits)]));
  }
  return 0;
}
