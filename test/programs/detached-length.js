// node detached-length.js: asks arrays for their length until that is compiled, resizable ones among them, then a detached one.
// Prints { length }. To be bundled: what is published has no file of its own for it.
import { lengthOf } from "../../lib/numbers/typed-array.ts";

const makes = [
  () => new Float32Array(4),
  () => new Float64Array(4),
  () => new Float32Array(new SharedArrayBuffer(16, { maxByteLength: 64 })),
  () => new Float32Array(new ArrayBuffer(16, { maxByteLength: 64 }), 0, 4),
];

function detached() {
  const array = new Float32Array(4);
  structuredClone(array.buffer, { transfer: [array.buffer] });
  return array;
}

// What V8 finds out of the array here it uses where it compiles the other function into this one.
function ask(array) {
  return array.byteOffset + lengthOf(array);
}

const arrays = Array.from({ length: 400 }, (_, i) => makes[i % makes.length]());
for (let round = 0; round < 3000; round++) {
  for (const array of arrays) ask(array);
  if (round === 100) ask(detached());
}
console.log(JSON.stringify({ length: ask(detached()) }));
