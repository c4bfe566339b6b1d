// Has each request of the add-on for memory or for a thread fail in turn, and that one with all after it, in each piece of
// work: it is done, or nothing is changed and the error is the documented one. Prints, for each piece, the number of
// requests, the errors by code, and what went wrong. Runs with test/native/failing_memory.cpp loaded before it.
import { createHash } from "node:crypto";
import os from "node:os";
import { Worker } from "node:worker_threads";

// The interposer takes orders in the place of the priority of a process that there is not.
const begin = (n, every) => os.setPriority(0x5a000000 + n, every ? 1 : 0);
const end = () => {
  try {
    os.setPriority(0x5a000000, 19);
  } catch ({ info }) {
    return -info.errno - 1000;
  }
  throw new Error("Expected the interposer to tell the number of requests.");
};

const [, , only, at, every] = process.argv;
// A process in which the library is loaded while requests fail, or in which threads are started.
if (only === "load") begin(Number(at), every === "every");
const library = await import("../../dist/index.js");
const { allocate, backend, OptimError, RMSprop } = library;
if (only === "load") {
  let error;
  try {
    stepped(); // the first allocation too
  } catch (thrown) {
    error = thrown;
  }
  const requests = end();
  if (error && error.code !== "ERR_MEMORY") throw error;
  console.log(JSON.stringify({ requests, backend: backend.name, bits: hex(stepped().data) }));
  process.exit();
}
if (only === "threads") {
  const wide = (fill) => Float32Array.from({ length: 2_000_000 }, (_, i) => fill + (i % 1000));
  const x = { name: "x", data: wide(1), grad: wide(0.5) };
  const optimizer = new RMSprop([x], { lr: 0.1, momentum: 0.9 });
  backend.setThreads(4);
  begin(Number(at), every === "every");
  optimizer.step(); // the first for which threads start
  const requests = end();
  optimizer.step();
  const bits = createHash("sha256").update(x.data).digest("hex");
  console.log(JSON.stringify({ requests, backend: backend.name, bits }));
  process.exit();
}
const { decodeCheckpoint, encodeCheckpoint } = await import("../../dist/checkpoint/index.js");

function hex(array) {
  return Buffer.from(array.buffer, array.byteOffset, array.byteLength).toString("hex");
}

/** The first step that a process takes. */
function stepped() {
  const x = { name: "x", data: Float32Array.of(1, 2, 3), grad: Float32Array.of(0.5, -1, 2) };
  new RMSprop([x], { lr: 0.1, momentum: 0.9 }).step();
  return x;
}

/** Arrays in a worker's reach, so that all steps may be taken off the event loop. */
function make(options, length = 40) {
  const parameters = ["a", "b"].map((name, p) => {
    const [data, grad] = [0, 1].map((k) => {
      const array = new Float32Array(new SharedArrayBuffer(4 * length));
      for (let i = 0; i < length; i++) array[i] = Math.sin(i + 10 * p + k);
      return array;
    });
    return { name, shape: [4, length / 4], data, grad };
  });
  const wide = () => new Float64Array(new SharedArrayBuffer(24)).fill(0.5);
  parameters.push({ name: "c", data: wide(), grad: wide() });
  const optimizer = new RMSprop(parameters, { lr: 0.01, momentum: 0.9, centered: true, ...options });
  return { parameters, optimizer };
}

const bits = ({ parameters, optimizer }) =>
  JSON.stringify(
    [parameters.map(({ data, grad }) => [hex(data), hex(grad)]), optimizer.stateDict(), optimizer.lastStep ?? null],
    (_, value) => (ArrayBuffer.isView(value) ? hex(value) : value),
  );

const staged = { clipGlobalNorm: 1, clipNorm: 0.9, skipNonFinite: true, ema: { decay: 0.9 }, diagnostics: true };
const taken = (options, length) => () => {
  const made = make(options, length);
  made.optimizer.step();
  return made;
};
const filled = (length, seed) => Float32Array.from({ length }, (_, i) => Math.cos(i + seed));
const extra = () => ({ name: "d", data: new Float32Array(5).fill(1), grad: new Float32Array(5).fill(1) });
const added = (options) => () => {
  const made = taken(options)();
  for (let i = 0; i < 4; i++)
    made.optimizer.addParamGroup({ params: [{ ...extra(), name: `d${i}` }], lr: 0.1 * (i + 1) });
  return made;
};
const other = make({ momentum: 0.9 });
other.optimizer.step();
const otherState = other.optimizer.stateDict();
const otherBytes = encodeCheckpoint(other);

const firstStep = JSON.stringify(Array.from(stepped().data));

/** Pieces of work: what there is before, and what is done. */
const pieces = {
  construct: [make, () => void make({ lr: 0.2 })],
  "first step": [() => make({}), (m) => m.optimizer.step()],
  "first step, staged": [() => make(staged), (m) => m.optimizer.step()],
  "step again": [taken({}), (m) => m.optimizer.step()],
  "step again, staged": [taken(staged), (m) => m.optimizer.step()],
  "bind anew": [added({}), (m) => m.optimizer.step()],
  "bind anew, staged": [added(staged), (m) => m.optimizer.step()],
  rebind: [taken({}), (m) => m.optimizer.step({ a: filled(40, 1) })],
  "rebind, staged": [taken(staged), (m) => m.optimizer.step({ a: filled(40, 1), b: filled(40, 2) })],
  list: [taken({}), (m) => m.optimizer.step({ a: { grad: [filled(40, 1), filled(40, 2), filled(40, 3)] } })],
  factors: [
    taken(staged),
    (m) => m.optimizer.step({ a: { grad: { x: filled(8, 1), y: filled(20, 2), batch: 2 } }, b: filled(40, 2) }),
  ],
  stepAsync: [taken({}), (m) => m.optimizer.stepAsync()],
  "first stepAsync, staged": [() => make(staged), (m) => m.optimizer.stepAsync()],
  addParamGroup: [taken({}), (m) => m.optimizer.addParamGroup({ params: [extra()] })],
  stateDict: [taken({ ema: { decay: 0.9 } }), (m) => void m.optimizer.stateDict()],
  loadStateDict: [() => make({ momentum: 0.9 }), (m) => m.optimizer.loadStateDict(otherState)],
  "checkpoint saved": [taken(staged), (m) => void encodeCheckpoint(m)],
  "checkpoint loaded": [() => make({ momentum: 0.9 }), (m) => decodeCheckpoint(otherBytes, m)],
  ...Object.fromEntries(
    [64, 10_000, 3_000_000].map((length) => [
      `allocate ${length}`,
      [() => make({}), () => allocate({ w: [length], b: [3] }, length === 64 ? { replicas: 2 } : {}).dispose()],
    ]),
  ),
  "a worker that loads and steps": [
    () => make({}),
    () =>
      new Promise((resolve, reject) => {
        const worker = new Worker(
          `import(${JSON.stringify(new URL("../../dist/index.js", import.meta.url).href)}).then(({ RMSprop }) => {
            const x = { name: "x", data: Float32Array.of(1, 2, 3), grad: Float32Array.of(0.5, -1, 2) };
            new RMSprop([x], { lr: 0.1, momentum: 0.9 }).step();
            require("node:worker_threads").parentPort.postMessage(Array.from(x.data));
          });`,
          { eval: true },
        );
        let told;
        worker.once("message", (message) => {
          told = message;
        });
        worker.once("error", reject);
        worker.once("exit", () => {
          const right = JSON.stringify(told) === firstStep;
          right ? resolve() : reject(new Error(`the worker told ${told}`));
        });
      }),
  ],
};

const results = {};
for (const [name, [setUp, work]] of Object.entries(pieces)) {
  const whole = setUp();
  const before = bits(whole);
  await work(whole); // what is made once in a process is made
  const again = setUp();
  begin(0);
  await work(again);
  const requests = end();
  const after = bits(again);
  const result = { requests, succeeded: 0, errors: {}, problems: [] };
  results[name] = result;
  for (const every of [false, true]) {
    for (let n = 1; n <= requests; n++) {
      const problem = (text) => result.problems.push(`${n}${every ? " and all after" : ""}: ${text}`);
      const one = setUp();
      let error;
      begin(n, every);
      try {
        await work(one);
      } catch (thrown) {
        error = thrown;
      }
      end();
      if (error) {
        const code =
          error instanceof OptimError || error?.code === "ERR_MEMORY"
            ? error.code
            : `${error?.name}: ${error?.message}`;
        result.errors[code] = (result.errors[code] ?? 0) + 1;
        if (bits(one) !== before) problem("something is changed after an error");
        await work(one);
      } else result.succeeded++;
      if (bits(one) !== after) problem("the bits are others");
    }
  }
}
console.log(JSON.stringify(results));
