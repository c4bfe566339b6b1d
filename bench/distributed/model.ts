// The model of `npx rmsprop ranks` against measured steps, over links of several rates, with models of several sizes and buckets.
import { modelBucketBytes, type StepCost, stepCost } from "../../lib/cli/cost-model.ts";
import type { Progress } from "./compare.ts";
import { type Launcher, ours, payloadOf, type Rounds } from "./launch.ts";
import { Machines } from "./machines.ts";

interface Point {
  readonly ranks: number;
  /** In Mbit/s. */
  readonly rate: number;
  readonly elements: number;
  /** Where it is not what the library takes by itself. */
  readonly bucketBytes?: number;
}

/** What the link bounds. */
const linkPoints: readonly Point[] = [200, 500, 1000].flatMap((rate) =>
  [2, 4].flatMap((ranks) => [2 ** 20, 2 ** 22].map((elements) => ({ ranks, rate, elements }))),
);

/** What the number of buckets bounds: a tile for each rank in each, over a link that is faster than that. */
const bucketPoints: readonly Point[] = [2, 4, 8].flatMap((ranks) =>
  [64, 128].map((buckets) => ({
    ...{ ranks, rate: 20_000, elements: 1024 * ranks * buckets, bucketBytes: 4096 * ranks },
  })),
);

/** As `npx rmsprop ranks` has it. @param bytesPerSecond The payload of the links. */
export function modelOf(
  { ranks, elements, bucketBytes = 0 }: Point,
  bytesPerSecond: number,
): StepCost & { readonly buckets: number } {
  const bytes = bucketBytes || modelBucketBytes(4 * elements, ranks);
  const cost = stepCost({
    ...{ elements, bytesPerElement: 4, ranks, stepPerElement: 0.45e-9, bucketBytes: bytes },
    bytesPerSecond,
  });
  return { ...cost, buckets: Math.ceil((4 * elements) / bytes) };
}

export async function compareModel(launcher: Launcher, rounds: number, progress: Progress): Promise<void> {
  const points = [...linkPoints, ...bucketPoints];
  console.log(`\nThe model of npx rmsprop ranks, over ${launcher.name} (aim 0.9 to 1.1 where the link decides)`);
  const head = ["ranks", "Mbit/s", "elements", "buckets", "payload", "measured ms", "model ms", "model/measured"];
  const row = (cells: readonly string[]) => console.log(cells.map((cell) => cell.padStart(15)).join(""));
  row(head);
  for (const { ranks, rate } of points.filter((point, i) => {
    const first = points.findIndex((other) => other.ranks === point.ranks && other.rate === point.rate);
    return first === i;
  })) {
    progress(`the model, ${ranks} ranks, ${rate} Mbit/s`);
    const machines = new Machines(ranks, rate);
    try {
      const payload = await payloadOf(machines, rate);
      for (const point of points.filter((other) => other.ranks === ranks && other.rate === rate)) {
        const numbers = [point.elements, rounds, point.bucketBytes ?? 0];
        // Whatever else machines and networks do only adds.
        const measured = Math.min(...(await ours<Rounds>(machines, launcher, "step", numbers)).seconds);
        const { total, buckets } = modelOf(point, payload);
        const ms = (seconds: number) => (1000 * seconds).toFixed(2);
        const cells = [
          ranks,
          rate,
          point.elements,
          buckets,
          (payload * 8e-6).toFixed(0),
          ms(measured),
          ms(total),
          (total / measured).toFixed(3),
        ];
        row(cells.map(String));
      }
    } finally {
      machines.close();
    }
  }
}
