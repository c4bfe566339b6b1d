// A program with a team, which ends by itself: node team-alone.js MODE
// idle: the team stays open; asleep: it waits for a slow round and nothing else; noWaitAsync: without Atomics.waitAsync;
// told: its workers print.
import { allocate, SGD } from "../../dist/index.js";

const [mode] = process.argv.slice(2);
if (mode === "noWaitAsync") Atomics.waitAsync = undefined;
const { createTeam } = await import("../../dist/workers/index.js");

const module = `export default ({ grads, index, data }) => async (work) => {
  if (data === "asleep") await new Promise((resolve) => setTimeout(resolve, 300));
  if (data === "told") for (const line of [1, 2]) console.log("worker " + index + " round " + work + " line " + line);
  if (data === "told" && work === 3 && index === 1) throw new Error("told");
  grads.w.fill(index + 1);
  return work;
};`;
const model = allocate({ w: [1] }, { shared: true, replicas: 2 });
const optimizer = new SGD(model.parameters, { lr: 1 });
const team = await createTeam(model, `data:text/javascript,${encodeURIComponent(module)}`, { data: mode });
let results = [];
for (let round = 0; round < 3; round++) {
  results = results.concat(await team.backward(round));
  optimizer.step();
}
if (mode === "told") {
  console.log("main");
  await team.backward(3).catch(({ message }) => console.log(message));
} else console.log(JSON.stringify({ results, w: model.params.w[0] }));
