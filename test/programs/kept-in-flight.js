// Begins a step off the event loop in a process whose one thread for such work is taken, and drops all that refers to it: its
// arrays, what they are bound in, and its promise. Prints which arrays are there while the step waits, and after it.
// UV_THREADPOOL_SIZE=1 node kept-in-flight.js, bundled, with RMSPROP_NATIVE_PATH.
import { pbkdf2 } from "node:crypto";
import { promisify } from "node:util";
import { createNative, loadBinding } from "../../lib/backends/native/native.ts";
import { rules } from "../../lib/rules/all.ts";

const work = promisify(pbkdf2);
const length = 2 ** 20; // memory of its own, so that a step over what has gone ends the process

function begin() {
  const [data, grad] = [0, 1].map(() => new Float32Array(new SharedArrayBuffer(4 * length)));
  const rule = rules.find(({ name }) => name === "sgd");
  const storage = "float32";
  const source = { array: grad, storage };
  const parameters = [{ data, out: data, storage, source, slots: rule.slots.map(() => null) }];
  const bound = createNative(loadBinding(rules)).bind([{ rule, type: "float32", parameters }], 1);
  const coefficients = rule.coefficients.map(() => 1);
  bound.stepAsync([{ group: 0, variant: 0, coefficients, selection: null }], { data, grad }, []);
  return { data: new WeakRef(data), grad: new WeakRef(grad) };
}

async function there(refs) {
  for (let i = 0; i < 5; i++) {
    global.gc();
    await new Promise(setImmediate);
  }
  return Object.fromEntries(Object.entries(refs).map(([name, ref]) => [name, ref.deref() !== undefined]));
}

let taken = true;
const other = work("", "", 500_000, 64, "sha512").then(() => {
  taken = false;
});
const refs = begin();
const during = await there(refs);
const waited = taken;
await other;
await work("", "", 1, 64, "sha512"); // comes after the step
console.log(JSON.stringify({ waited, during, after: await there(refs) }));
