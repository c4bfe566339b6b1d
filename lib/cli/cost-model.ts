// What a step on ranks costs, by a model: what travels, messages and the step itself.

export interface Cluster {
  readonly elements: number;
  readonly bytesPerElement: number;
  readonly ranks: number;
  /** Of payload each way of a rank's link. */
  readonly bytesPerSecond: number;
  readonly bucketBytes: number;
  /** Seconds that the plain step takes an element. */
  readonly stepPerElement: number;
}

/** In seconds. */
export interface StepCost {
  readonly travel: number;
  readonly messages: number;
  readonly step: number;
  readonly total: number;
}

/** A collective's latency, a message's cost at a rank, and JavaScript's cost of a bucket, in seconds. */
const latency = 30e-6;
const perMessage = 1.5e-6;
const perBucket = 150e-6;

/** The bytes of a bucket as `ranks.shard` takes them by itself, whose room is above this one: a test compares the two. */
export const modelBucketBytes = (modelBytes: number, ranks: number): number =>
  Math.min(Math.max(2 ** 20, Math.min(Math.ceil(modelBytes / 16), 2 ** 24), 2 ** 16 * ranks), 2 ** 30);

/** The most payload of a link, in bytes a second: 1,448 of the 1,526 bytes that a packet of TCP takes. */
export const payloadAtBest = (bitsPerSecond: number): number => (bitsPerSecond * 0.949) / 8;

/** The gradients of a bucket travel while those before are stepped, so the longest decides, and one bucket of the rest. */
export function stepCost(cluster: Cluster): StepCost {
  const { elements, bytesPerElement, ranks, bytesPerSecond, bucketBytes, stepPerElement } = cluster;
  const bytes = elements * bytesPerElement;
  const buckets = Math.max(Math.ceil(bytes / bucketBytes), 1);
  const travel = ((2 * (ranks - 1)) / ranks) * (bytes / bytesPerSecond);
  const messages = ranks === 1 ? 0 : 2 * buckets * (latency / 2 + (ranks - 1) * perMessage);
  const step = (stepPerElement * elements) / ranks;
  const parts = [travel, messages, step, ranks === 1 ? 0 : buckets * perBucket];
  const longest = Math.max(...parts);
  const rest = parts.reduce((sum, part) => sum + part, 0) - longest;
  return { travel, messages, step, total: longest + rest / buckets };
}
