// Two copies of the package in one process, each in a folder of its own: steps over each other's memory, and one pool.
// node two-copies.js FOLDER FOLDER
import { readdirSync } from "node:fs";
import { pathToFileURL } from "node:url";

const load = (folder) => import(pathToFileURL(`${folder}/dist/index.js`).href);
const [a, b] = [await load(process.argv[2]), await load(process.argv[3])];

const length = 2 ** 20;
function stepped(allocating, stepping) {
  const model = allocating.allocate({ w: [length] });
  model.grads.w.fill(1);
  const optimizer = new stepping.RMSprop(model.parameters, { lr: 1, alpha: 0, eps: 0 });
  for (let step = 0; step < 5; step++) optimizer.step();
  return { model, optimizer, right: model.params.w.every((value) => value === -5) };
}
const threads = () => readdirSync("/proc/self/task").length;

const before = threads();
a.backend.setThreads(4);
const agreed = [b.backend.threads];
const first = stepped(a, a);
const withOne = threads();
const second = stepped(b, b);
const crossed = [stepped(a, b), stepped(b, a)];
const withBoth = threads();
b.backend.setThreads(2);
agreed.push(a.backend.threads);

await first.optimizer.stepAsync();
const refused = await crossed[0].optimizer.stepAsync().then(
  () => undefined,
  ({ code, message }) => [code, message],
);
let isError = false;
crossed[0].model.dispose();
try {
  crossed[0].optimizer.step();
} catch (error) {
  isError = error instanceof b.OptimError && error.code === "ERR_DETACHED";
}
const right = [first, second, ...crossed].every((each) => each.right);
const different = a.RMSprop !== b.RMSprop && a.backend.name === "native" && b.backend.name === "native";
const started = [withOne - before, withBoth - before];
console.log(JSON.stringify({ different, right, agreed, started, refused, isError }));
