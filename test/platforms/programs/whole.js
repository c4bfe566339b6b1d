// The smoke test of an installed package: what a program may do with it, on any runtime that has worker threads. Prints one
// line of JSON; fails with an error where anything differs from plain steps.
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import * as rmsprop from "rmsprop";
import { begin, cases, digestOfTraining, gradient, smoke, steps } from "../../programs/smoke.js";

const { backend } = rmsprop;

function same(found, expected, what) {
  if (found !== expected) throw new Error(`${what}: expected ${expected}, found ${found}.`);
}

async function collectGarbage() {
  if (globalThis.Bun) Bun.gc(true);
  else if (globalThis.gc) globalThis.gc();
  else {
    const v8 = await import("node:v8");
    const { runInNewContext } = await import("node:vm");
    v8.setFlagsFromString("--expose-gc");
    runInNewContext("gc")();
  }
  // Finalizers run in later turns of the event loop.
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setTimeout(resolve));
}

/** For every optimizer, its second set of options. */
const trained = Object.entries(cases).flatMap(([optimizerName, [, options]]) =>
  ["float32", "float64"].map((dtype) => ({
    optimizerName,
    options,
    dtype,
    title: `${optimizerName} ${options.preset ?? 1} ${dtype}`,
  })),
);

/** Where buffers over other memory are forbidden, all of it is shared. */
const isSharedMemory = ({ params }) => Object.values(params).some(({ buffer }) => buffer instanceof SharedArrayBuffer);

/** A step off the event loop. Deno refuses that of shared memory, which changes nothing, so an ordinary one follows. */
async function stepAsync(optimizer, isShared) {
  if (!isShared || globalThis.Deno === undefined) return optimizer.stepAsync();
  const code = await optimizer.stepAsync().then(
    () => "no error",
    (error) => error.code,
  );
  same(code, "ERR_ASYNC_MEMORY", "a step of shared memory off Deno's event loop");
  return optimizer.step();
}

async function asynchronous({ optimizerName, options, dtype, title }, digests, shared) {
  const training = begin(rmsprop, optimizerName, options, { dtype, shared });
  const { model, optimizer } = training;
  const isShared = isSharedMemory(model);
  if (shared && !isShared) throw new Error(`${title}: expected shared memory.`);
  for (let step = 1; step <= steps; step++) {
    gradient(model, step);
    // A step of either kind may follow the other.
    if (step % 3 === 0) optimizer.step();
    else await stepAsync(optimizer, isShared);
  }
  same(digestOfTraining(training), digests[title], `${title}, asynchronous${shared ? ", shared" : ""}`);
  optimizer.dispose();
  model.dispose();
}

/** Steps that are at work when nothing but their promise and one view is left of what they work on. */
async function collected({ optimizerName, options, dtype, title }) {
  const last = async (drop) => {
    const training = begin(rmsprop, optimizerName, options, { dtype });
    gradient(training.model, 1);
    const promise = stepAsync(training.optimizer, isSharedMemory(training.model));
    if (!drop) return promise.then(() => digestOfViews(training.model));
    const views = Object.values(training.model.params);
    return promise.then(() => digestOfViews({ params: views }));
  };
  const digestOfViews = ({ params }) => JSON.stringify(Object.values(params).map((view) => [...view.subarray(0, 100)]));
  const expected = await last(false);
  for (let i = 0; i < 10; i++) {
    const pending = last(true);
    await collectGarbage();
    same(await pending, expected, `${title}, with garbage collected`);
  }
}

/** Memory that is dropped without dispose() comes back. */
async function returned() {
  const kept = begin(rmsprop, "RMSprop", {}, { dtype: "float64" });
  const before = digestOfTraining(kept);
  for (let i = 0; i < 64; i++) {
    rmsprop.allocate({ x: [2 ** 18] }).params.x.fill(i);
    if (i % 8 === 7) await collectGarbage();
  }
  same(digestOfTraining(kept), before, "memory kept while other memory is collected");
}

function disposed() {
  const { model, optimizer } = begin(rmsprop, "SGD", {}, {});
  model.dispose();
  let code;
  try {
    optimizer.step();
  } catch (error) {
    code = error.code;
  }
  same(code, "ERR_DETACHED", "a step in disposed memory");
}

/** A worker's part: the whole family, then steps in the main thread's memory. */
async function work({ parameters, optimizerName, options, gradients }) {
  const { digests } = smoke(rmsprop);
  const { [optimizerName]: Optimizer } = rmsprop;
  const optimizer = new Optimizer(parameters, options);
  for (const [step, values] of gradients.entries()) {
    parameters.forEach(({ grad }, i) => {
      grad.set(values[i]);
    });
    if (step % 2 === 0) optimizer.step();
    else await stepAsync(optimizer, true);
  }
  parentPort.postMessage({ digests, backend: backend.name });
}

/** Two workers at once, each with memory of this thread to step. */
async function inWorkers(digests) {
  const runs = trained.slice(0, 2).map(async ({ optimizerName, options, dtype, title }) => {
    const shared = begin(rmsprop, optimizerName, options, { dtype, shared: true });
    const own = begin(rmsprop, optimizerName, options, { dtype });
    const gradients = [];
    for (let step = 1; step <= steps; step++) {
      gradient(own.model, step);
      own.optimizer.step();
      gradients.push(own.model.parameters.map(({ grad }) => grad.slice()));
    }
    const parameters = shared.model.parameters.map(({ name, data, grad }) => ({ name, data, grad }));
    const worker = new Worker(new URL(import.meta.url), {
      workerData: { parameters, optimizerName, options, gradients },
    });
    const message = await new Promise((resolve, reject) => {
      worker.once("message", resolve);
      worker.once("error", reject);
      worker.once("exit", (code) => reject(new Error(`The worker ended with ${code} and no message.`)));
    });
    same(message.backend, backend.name, "a worker's backend");
    same(JSON.stringify(message.digests), JSON.stringify(digests), "a worker's steps");
    for (const name of Object.keys(own.model.params)) {
      same(String(shared.model.params[name]), String(own.model.params[name]), `${title}, stepped by a worker`);
    }
    await worker.terminate();
  });
  await Promise.all(runs);
}

if (isMainThread) {
  const { digests } = smoke(rmsprop);
  for (const one of trained) {
    await asynchronous(one, digests, false);
    await asynchronous(one, digests, true);
  }
  await inWorkers(digests);
  await collected(trained[0]);
  await returned();
  disposed();
  const { name, isa, fallbackReason } = backend;
  const { buffer } = rmsprop.allocate({ x: [1] }).params.x;
  const memory = buffer instanceof SharedArrayBuffer ? "shared" : "own";
  console.log(JSON.stringify({ backend: name, isa, fallbackReason, memory, digests }));
} else {
  await work(workerData);
}
