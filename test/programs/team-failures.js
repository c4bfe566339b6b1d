// Teams of which a worker throws, rejects, exits or is terminated in the middle of a round, again and again, and one that is
// closed in it: how often each rejected as it should, and how much memory the process has after a fifth of the rounds and at
// the end.
// node --expose-gc team-failures.js ROUNDS
import { setTimeout as delay } from "node:timers/promises";
import { allocate } from "../../dist/index.js";
import { createTeam } from "../../dist/workers/index.js";

const rounds = Number(process.argv[2]);
const patience = 20_000;

const module = `export default ({ grads, index }) => (work) => {
  grads.w.fill(1);
  if (index === 0 || work === "") return 1;
  switch (work) {
    case 0: throw new RangeError("thrown");
    case 1: return Promise.reject(new RangeError("rejected"));
    case 2: process.exit(3);
    case 3: for (;;) grads.w.fill(1);
    case 4: return new Promise(() => {});
    case 5: for (;;) grads.w.fill(1);
  }
};`;
const url = `data:text/javascript,${encodeURIComponent(module)}`;

/** What each kind of failure rejects with. */
const sentences = {
  throws: "threw RangeError: thrown.",
  rejects: "threw RangeError: rejected.",
  exits: "exited with code 3.",
  "terminated at work": "exited with code 1.",
  "terminated in wait": "exited with code 1.",
  closed: "The team was closed.",
};
const kinds = Object.keys(sentences);

let started = [];
process.on("worker", (worker) => started.push(worker));

/** What a promise rejects with, or why it does not. */
const rejection = (promise) =>
  Promise.race([
    promise.then(
      () => "resolved",
      ({ message }) => message,
    ),
    delay(patience, "hangs", { ref: false }),
  ]);

async function round(i) {
  const kind = i % kinds.length;
  const model = allocate({ w: [2 ** 18] }, { shared: true, replicas: 2 });
  started = [];
  const team = await createTeam(model, url);
  for (let good = 0; good < 3; good++) await team.backward();
  const failing = rejection(team.backward(kind));
  if (kind >= 3) {
    await delay(i % 4);
    if (kind === 5) void team.close();
    else void started[1].terminate();
  }
  const message = await failing;
  const left = started.filter(({ threadId }) => threadId !== -1).length;
  model.dispose();
  const isRight = message.endsWith(sentences[kinds[kind]]) && left === 0;
  return { name: kinds[kind], isRight, message };
}

async function now() {
  for (let i = 0; i < 3; i++) {
    await delay(20);
    global.gc();
  }
  const { rss, arrayBuffers, external } = process.memoryUsage();
  return { rss, arrayBuffers, external };
}

const right = {};
const wrong = [];
let early;
for (let i = 0; i < rounds; i++) {
  const { name, isRight, message } = await round(i);
  if (isRight) right[name] = (right[name] ?? 0) + 1;
  else wrong.push(`${name}: ${message}`);
  if (i === Math.floor(rounds / 5)) early = await now();
}
console.log(JSON.stringify({ right, wrong, early, late: await now() }));
