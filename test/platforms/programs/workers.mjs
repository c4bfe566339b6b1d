// Trains by a team of workers, has teams fail, and says what came of it, and what a round takes. It leaves a team open at its
// end, which must not keep it.
import { setTimeout as delay } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { allocate, RMSprop } from "rmsprop";

if (process.env.WITHOUT_WAIT_ASYNC) Atomics.waitAsync = undefined;
const { createTeam } = await import("rmsprop/workers");

const modelOf = (replicas, length = 1000) => allocate({ w: [length] }, { shared: true, replicas });
const start = (model, data) => createTeam(model, new URL("./workers-backward.mjs", import.meta.url), { data });

async function trained() {
  const model = modelOf(3);
  const optimizer = new RMSprop(model.parameters, { lr: 0.01, momentum: 0.9 });
  const team = await start(model);
  for (let i = 0; i < 50; i++) {
    await team.backward(i);
    optimizer.step();
    if (i % 20 === 0) await delay(50);
  }
  await team.close();
  // Decimals of each value tell its bits.
  let hash = 0;
  for (const value of model.params.w) for (const digit of String(value)) hash = (hash * 31 + digit.charCodeAt(0)) | 0;
  return String(hash);
}

const told = (promise) => promise.then(String, ({ message }) => message);

async function failure(kind) {
  const model = modelOf(2);
  const team = await start(model, "fails");
  await team.backward(-1);
  const round = told(team.backward(kind));
  if (kind === 3) {
    await delay(20);
    await team.close();
  }
  const message = await round;
  model.dispose();
  return message;
}

/** Microseconds that each of many calls takes. */
async function timed(call) {
  for (let i = 0; i < 500; i++) await call();
  const begin = performance.now();
  for (let i = 0; i < 2000; i++) await call();
  return Math.round((performance.now() - begin) / 2);
}

async function messages() {
  const program = `const { parentPort } = require("node:worker_threads");
    parentPort.on("message", (message) => parentPort.postMessage(message));`;
  const worker = new Worker(program, { eval: true });
  let resolve;
  worker.on("message", () => resolve());
  const taken = await timed(
    () =>
      new Promise((done) => {
        resolve = done;
        worker.postMessage(0);
      }),
  );
  await worker.terminate();
  return taken;
}

const w = await trained();
const failures = [];
for (const kind of [0, 1, 2, 3]) failures.push(await failure(kind));
failures.push(await told(start(modelOf(1), "no start")));
const team = await start(modelOf(1), "empty");
const round = await timed(() => team.backward());
console.log(JSON.stringify({ w, failures, microseconds: { round, messages: await messages() } }));
