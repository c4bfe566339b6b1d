// What ranks move: broadcasts, means, exchanges and gathers, over memory of every kind, several under way at once. Each rank
// looks at what it has.
import assert from "node:assert/strict";
import { backend } from "rmsprop";
import { useBackend } from "../../../lib/backends/current.ts";
import { createNative, loadBinding } from "../../../lib/backends/native/native.ts";
import { connect } from "../../../lib/distributed/connect.ts";
import { MpiCommunicator } from "../../../lib/distributed/mpi.ts";
import { allocate } from "../../../lib/parameters/allocate.ts";
import { rules } from "../../../lib/rules/all.ts";

assert.equal(backend.name, "native");
const native = createNative(loadBinding(rules));
useBackend(native);
const ranks = await connect({ timeout: 60 });
const { rank, size } = ranks;
assert.equal(size, Number(process.argv[2]));

// The value of an element of a rank, other for each.
const numberOf = (of, i) => of * 1000 + (i % 997);
const all = Array.from({ length: size }, (_, of) => of);

// Broadcasts from each rank, of arrays of every kind of memory and of several types.
const resizable = new ArrayBuffer(40, { maxByteLength: 80 });
const kinds = {
  allocated: allocate({ w: [1025] }).params.w,
  shared: new Float32Array(new SharedArrayBuffer(404), 4),
  ordinary: new Float64Array(333),
  bytes: new Uint8Array(7).subarray(2, 5),
  big: new BigInt64Array(3),
  none: new Float32Array(0),
  fixed: new Float32Array(resizable, 4, 5),
};
for (const root of all) {
  for (const array of Object.values(kinds)) {
    const big = array instanceof BigInt64Array;
    array.forEach((_, i) => {
      array[i] = big ? BigInt(rank) : numberOf(rank, i);
    });
  }
  await ranks.broadcast(kinds, root);
  for (const [name, array] of Object.entries(kinds)) {
    const wanted = array.slice();
    wanted.forEach((_, i) => {
      wanted[i] = name === "big" ? BigInt(root) : numberOf(root, i);
    });
    assert.deepEqual(array, wanted, name);
  }
}
await ranks.broadcast(kinds.bytes);
await ranks.broadcast([kinds.bytes, kinds.ordinary], size - 1);

// More than one broadcast of MPI's can hold here.
if (process.argv[3] === "large") {
  for (const large of [allocate({ w: [2 ** 24 + 2 ** 20 + 1] }).params.w, new Float32Array(2 ** 24 + 3)]) {
    large.fill(rank + 1);
    large[large.length - 1] = -rank;
    await ranks.broadcast(large, size - 1);
    assert.equal(
      large.findIndex((value, i) => value !== (i === large.length - 1 ? 1 - size : size)),
      -1,
    );
  }
}

// Means have the bits of the balanced tree, for any number of ranks.
const tree = (values) => {
  if (values.length === 1) return values[0];
  let left = 1;
  while (left * 2 < values.length) left *= 2;
  return tree(values.slice(0, left)) + tree(values.slice(left));
};
const numbers = all.map((of) => 0.1 * 3 ** of * (of % 2 ? -1 : 1));
const [mean, barrier, nan] = await Promise.all([ranks.mean(numbers[rank]), ranks.barrier(), ranks.mean(Number.NaN)]);
assert.equal(mean, tree(numbers) / size);
assert.equal(barrier, undefined);
assert.ok(Number.isNaN(nan));

// Exchanges and gathers on a communicator of their own, several under way at once, beside a mean on the first.
if (size > 1) {
  const first = new MpiCommunicator(native.ranks, ranks);
  const own = await first.duplicate("a test");
  for (const length of [1, 63, 1024, 100_003]) {
    const memories = [
      () => allocate({ w: [size * length] }).params.w,
      () => new Float32Array(new SharedArrayBuffer(size * length * 4)),
      () => new Float32Array(size * length),
    ];
    const counts = all.map((of) => (of === rank ? 0 : length * 4));
    const offsets = all.map((of) => of * length * 4);
    const made = memories.map((make) => {
      const [from, into, gathered] = [make(), make(), make()];
      // To each rank other values, and of a gather a rank's own part.
      from.forEach((_, i) => {
        from[i] = numberOf(rank, i);
      });
      gathered.set(from.subarray(rank * length, (rank + 1) * length), rank * length);
      return { from, into, gathered };
    });
    const under = made.flatMap(({ from, into, gathered }, i) => [
      own.exchange(`exchange ${i}`, { array: from, offsets, counts }, { array: into, offsets, counts }),
      own.gather(`gather ${i}`, { array: gathered, offsets, counts: all.map(() => length * 4) }),
    ]);
    under.push(ranks.mean(1), own.barrier("a barrier"));
    globalThis.gc?.();
    await Promise.all(under);
    for (const { from, into, gathered } of made) {
      for (const of of all) {
        for (const i of [0, length - 1]) {
          const at = of * length + i;
          // Of rank `of`, its part for this one; a rank's own part is left as it was.
          assert.equal(into[at], of === rank ? 0 : numberOf(of, rank * length + i));
          assert.equal(gathered[at], numberOf(of, of * length + i));
          assert.equal(from[at], numberOf(rank, at));
        }
      }
    }
  }
  // Parts of which some are empty, and that end anywhere.
  const lengths = all.map((of) => (of % 2 ? 0 : of + 3));
  const ends = lengths.map((_, of) => lengths.slice(0, of + 1).reduce((sum, length) => sum + length));
  const bytes = new Uint8Array(ends.at(-1)).fill(rank + 1);
  await own.gather("bytes", { array: bytes, offsets: ends.map((end, of) => end - lengths[of]), counts: lengths });
  assert.deepEqual(
    [...bytes],
    lengths.flatMap((length, of) => Array(length).fill(of + 1)),
  );
  // Exchanges of which some ranks have nothing to send and nothing to get, and what comes after them.
  const none = { array: new Uint8Array(8), offsets: all.map(() => 0), counts: all.map(() => 0) };
  for (const from of all) {
    const into = (from + 1) % size;
    const [sent, arrived] = [new Uint8Array(8).fill(from + 1), new Uint8Array(8)];
    const partOf = (array, of) => ({ ...none, array, counts: all.map((each) => (each === of ? 8 : 0)) });
    await own.exchange(
      "a part of one rank's",
      rank === from ? partOf(sent, into) : none,
      rank === into ? partOf(arrived, from) : none,
    );
    assert.deepEqual([...arrived], Array(8).fill(rank === into ? from + 1 : 0));
    const told = Float64Array.of(rank);
    await own.broadcast("a number", told, from);
    assert.equal(told[0], from);
  }
}
if (rank === 0) console.log("moved");
