// Worker threads are terminated while they call one function of the add-on, or of the library, again and again: each one,
// often. What native code wants to throw there, nobody takes, and the process must not end of it.
// node terminated-calls.js TIMES
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { allocate, backend, RMSprop } from "../../dist/index.js";
import { binding } from "./binding.js";

const atOnce = 4;
const length = 1000;

/** An optimizer whose steps have stages, with what the add-on was given and gave when its groups were bound. */
function make() {
  const model = allocate({ w: [length] });
  const { bind } = binding;
  const made = {};
  binding.bind = (...given) => {
    Object.assign(made, { given, bound: bind(...given) });
    return made.bound;
  };
  const optimizer = new RMSprop(model.parameters, { clipGlobalNorm: 1 });
  binding.bind = bind;
  optimizer.step();
  return { ...made, model, optimizer };
}

const { model, optimizer, given, bound } = make();
bound.step();
const heap = () => ({ name: "w", data: new Float32Array(length), grad: new Float32Array(length) });
const buffers = () => [model.params.w.buffer, model.grads.w.buffer];

/** Of a step in two calls: a tile, of one whole parameter, that is one piece (lib/backends/native/native.ts, `wordsOf`). */
const layout = Uint32Array.of(1, 1, 1, 0, 0, 1, 0, 0);
/** A call of each function of the add-on, by its name. */
const calls = {
  describe: () => binding.describe(),
  threads: () => binding.threads(),
  setThreads: () => binding.setThreads(2),
  allocate: () => binding.allocate(length, true),
  expose: () => binding.expose(model.params.w.buffer),
  detach: () => binding.detach(binding.allocate(length, false)),
  address: () => binding.address(model.params.w),
  memoryCounters: () => binding.memoryCounters(),
  bind: () => binding.bind(...given),
  step: () => bound.step(),
  stepAgain: () => bound.stepAgain(),
  stepStaged: () => bound.stepStaged(),
  stepAsync: () => bound.stepAsync([bound, model], buffers(), true),
  rebind: () => bound.rebind(given[1], given[2]),
  // Over one whole parameter of a tile, which is one piece; its squares are what clipping must know.
  measureAsync: () => bound.measureAsync([bound, model], buffers(), layout, new Float64Array(1)),
  decide: () => bound.decide(layout, new Float64Array(1)),
  changeAsync: () => bound.changeAsync([bound, model], buffers(), layout, new Float64Array(0)),
  report: () => bound.report(layout, new Float64Array(0)),
};

/** Calls of the library. */
const libraryCalls = {
  "backend.setThreads": () => backend.setThreads(2),
  "new RMSprop": () => new RMSprop([heap()], { momentum: 0.9 }),
  "step of arrays": () => optimizer.step({ w: { grad: model.grads.w } }),
  "stepAsync of arrays": () => optimizer.stepAsync({ w: { grad: model.grads.w } }),
  "allocate and dispose": () => allocate({ w: [length] }).dispose(),
  "state, saved and loaded": () => optimizer.loadStateDict(optimizer.stateDict()),
};

const all = { ...calls, ...libraryCalls };

if (isMainThread) {
  const times = Number(process.argv[2]);
  const left = Object.keys(all).flatMap((name) => Array.from({ length: times }, (_, i) => [name, i]));
  const ended = {};
  const endWorkers = async () => {
    for (let next = left.shift(); next; next = left.shift()) {
      const [name, i] = next;
      const worker = new Worker(new URL(import.meta.url), { workerData: name });
      const exited = once(worker, "exit");
      await once(worker, "message");
      await delay(i % 5);
      worker.terminate();
      await exited;
      ended[name] = (ended[name] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, endWorkers));
  const exported = [...Object.keys(binding), ...Object.keys(bound)].filter(
    (name) => typeof (binding[name] ?? bound[name]) === "function",
  );
  console.log(JSON.stringify({ exported, called: Object.keys(calls), ended }));
  // Deno keeps the process for workers that it was told to end.
  process.exit();
} else {
  const call = all[workerData];
  const first = call();
  await first;
  parentPort.postMessage("at work");
  if (first instanceof Promise) for (;;) await call();
  else for (;;) call();
}
