// Ends the process while steps are at work off the event loop.
// node exit-in-step.js WAY MILLISECONDS
import { Worker } from "node:worker_threads";
import { allocate, backend, RMSprop } from "../../dist/index.js";

const [, , way, milliseconds] = process.argv;

backend.setThreads(3);
function begin() {
  const model = allocate({ w: [2 ** 21] });
  const optimizer = new RMSprop(model.parameters);
  optimizer.step();
  const again = () => optimizer.stepAsync().then(again);
  again();
}
for (let i = 0; i < 3; i++) begin();

const ends = {
  exit: () => process.exit(7),
  throw: () => {
    throw new Error("mine");
  },
  reject: () => Promise.reject(new Error("mine")),
  abortWorker: () => {
    // A thread beside the steps ends too, in the middle of its own.
    const source = `const { parentPort } = require("node:worker_threads");
      import(${JSON.stringify(new URL("../../dist/index.js", import.meta.url).href)}).then(({ allocate, RMSprop }) => {
        const model = allocate({ w: [2 ** 18] });
        new RMSprop(model.parameters).stepAsync();
        parentPort.postMessage("");
      });`;
    new Worker(source, { eval: true }).once("message", () => process.exit(7));
  },
};
if (milliseconds === "0") ends[way]();
else setTimeout(ends[way], Number(milliseconds));
