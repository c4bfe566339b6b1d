// Teams of workers on Node, Bun and Deno: the same bits, and each failure told in the same sentence.
import { cpSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { installed } from "../packed.ts";
import { check, expectEqual } from "../report.ts";
import { type RunOptions, root, succeed } from "../shell.ts";
import { node, runtimes } from "../tools.ts";

interface Found {
  readonly w: string;
  readonly failures: readonly string[];
  readonly microseconds: { readonly round: number; readonly messages: number };
}

const worker = "Expected worker 1 of a team of 2 to";
const expectedFailures = [
  `${worker} do its backward pass, but it threw RangeError: thrown.`,
  `${worker} do its backward pass, but it threw RangeError: rejected.`,
  `${worker} stay until the team is closed, but it exited with code 3.`,
  "The team was closed.",
  "Expected worker 0 of a team of 1 to start, but it threw RangeError: no start.",
];

const required = `
const { allocate } = require("rmsprop");
const { createTeam } = require("rmsprop/workers");
const model = allocate({ w: [1] }, { shared: true, replicas: 1 });
const url = "data:text/javascript,export default () => (work) => work";
createTeam(model, url).then((team) => team.backward(5)).then(([result]) => console.log(result));
`;

export async function workersPart(): Promise<void> {
  const folder = await installed("workers");
  for (const file of ["workers.mjs", "workers-backward.mjs"]) {
    cpSync(join(root, "test", "platforms", "programs", file), join(folder, file));
  }
  let bits: string | undefined;
  for (const [name, runtime] of Object.entries(runtimes)) {
    const found = (options: RunOptions = {}) => {
      const { stdout } = succeed(runtime(), [join(folder, "workers.mjs")], { cwd: folder, timeout: 60, ...options });
      const { w, failures, microseconds } = JSON.parse(stdout.trim()) as Found;
      bits ??= w;
      expectEqual(w, bits, "the bits of a training");
      expectEqual(failures, expectedFailures, "what failures were told as");
      return `a round takes ${microseconds.round} us, messages both ways ${microseconds.messages}`;
    };
    await check(`${name}: a team trains, fails, is closed and left open`, () => found());
    await check(`${name}: a team without Atomics.waitAsync`, () => found({ env: { WITHOUT_WAIT_ASYNC: "1" } }));
  }
  await check("Node 20: by require", () => {
    writeFileSync(join(folder, "required.cjs"), required);
    expectEqual(succeed(node, [join(folder, "required.cjs")], { cwd: folder }).stdout.trim(), "5", "what it printed");
    return undefined;
  });
}
