// Teams in headless Chromium, of the package as it is built: Web Workers in a page that is isolated from others, and what one
// that is not is told.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { chromium, open } from "../support/chromium.ts";
import { root } from "../support/compile.ts";
import { temporaryFolder } from "../support/folder.ts";
import { checkBuilt } from "../support/programs.ts";
import { wasm } from "../support/wasm.ts";

const missing = chromium === undefined ? "there is no Chromium" : "missing" in wasm ? wasm.missing : undefined;

const isolated = { "cross-origin-opener-policy": "same-origin", "cross-origin-embedder-policy": "require-corp" };

const backward = `export default async ({ params, grads, index, count, data }) => {
  if (data === "no start") throw new RangeError("no start");
  return async (work) => {
    if (index === 1) {
      if (work === -1) throw new RangeError("too far");
      if (work === -2) { self.close(); await new Promise(() => {}); }
      if (work === -3) setTimeout(() => { throw new TypeError("unseen"); });
      if (work < -2) await new Promise(() => {});
    }
    grads.w.fill(index + work);
    return params.w[0] * 10 + count;
  };
};`;

/** `step(promise)` gives what a promise resolves with, or of an error what it is. */
const script = (body: string) => `
const { allocate, SGD } = await import("/package/dist/browser.js");
const { createTeam } = await import("/package/dist/workers/browser.js");
const url = new URL("/modules/backward.js", location);
const told = (promise) => promise.catch(({ code, message, cause }) => ({ code, message, cause: cause?.message }));
${body}`;

describe.skipIf(missing)(`in Chromium${missing ? `: ${missing}` : ""}`, () => {
  beforeAll(checkBuilt);

  /** What a page reports that runs this. */
  function reported<T>(body: string, headers: Readonly<Record<string, string>>): Promise<T> {
    const modules = temporaryFolder();
    writeFileSync(join(modules, "backward.js"), backward);
    return open<T>({ script: script(body), headers }, { package: root, modules });
  }

  it("a page that is isolated from others has rounds, and the mean of their gradients", async () => {
    const rounds = `
const model = allocate({ w: [3] }, { shared: true, replicas: 2 });
const optimizer = new SGD(model.parameters, { lr: 1 });
const team = await createTeam(model, url);
const first = await team.backward(1);
optimizer.step();
for (let i = 0; i < 300; i++) await team.backward(i);
await new Promise((resolve) => setTimeout(resolve, 100));
const second = await team.backward(2);
for (let i = 0; i < 2000; i++) await team.backward(i);
await team.close();
optimizer.step();
report({ first, second, w: [...model.params.w], after: await told(team.backward(1)) });`;
    const found = await reported<Record<string, unknown>>(rounds, isolated);
    expect(found).toEqual({
      ...{ first: [2, 2], second: [-13, -13], w: Array(3).fill(-1.5 - (1999 + 2000)) },
      after: {
        code: "ERR_WORKER",
        message: "Expected a team at work, but it has ended. The team was closed.",
      },
    });
  });

  it("workers that fail make a round reject", async () => {
    const failures = `
const found = [];
for (const work of [-1, -2, -3, -4]) {
  const model = allocate({ w: [3] }, { shared: true, replicas: 2 });
  const team = await createTeam(model, url);
  await team.backward(1);
  const round = told(team.backward(work));
  if (work === -4) await team.close();
  found.push(await round);
  model.dispose();
}
const model = allocate({ w: [3] }, { shared: true, replicas: 1 });
found.push(await told(createTeam(model, url, { data: "no start" })));
found.push(await told(createTeam(model, "http://localhost:1/none.js")));
found.push(await told(createTeam(model, url, { data: () => 0 })));
report(found);`;
    const found = await reported(failures, isolated);
    const worker = "Expected worker 1 of a team of 2 to";
    expect(found).toEqual([
      {
        code: "ERR_WORKER",
        message: `${worker} do its backward pass, but it threw RangeError: too far.`,
        cause: "too far",
      },
      { code: "ERR_WORKER", message: `${worker} stay until the team is closed, but it closed itself.` },
      {
        code: "ERR_WORKER",
        message: expect.stringMatching(`^${worker} catch its errors, but it threw .*TypeError: unseen\\.$`),
        cause: expect.stringContaining("TypeError: unseen"),
      },
      { code: "ERR_WORKER", message: "The team was closed." },
      {
        code: "ERR_WORKER",
        message: "Expected worker 0 of a team of 1 to start, but it threw RangeError: no start.",
        cause: "no start",
      },
      {
        code: "ERR_WORKER",
        message: expect.stringMatching(
          /^Expected worker 0 of a team of 1 to load its module, but it threw TypeError: .*none\.js/,
        ),
        cause: expect.stringContaining("none.js"),
      },
      {
        code: "ERR_OPTION",
        message: expect.stringMatching(
          /^Expected 'data' to be a value that structured clone takes, but DataCloneError: /,
        ),
      },
    ]);
  });

  it("another page is told what it lacks", async () => {
    const lacking = `
const shared = await told((async () => allocate({ w: [3] }, { shared: true, replicas: 2 }))());
report([shared, await told(createTeam(allocate({ w: [3] }, { replicas: 2 }), url))]);`;
    const found = await reported(lacking, {});
    expect(found).toEqual([
      {
        code: "ERR_OPTION",
        message:
          "Expected a page with shared memory for shared: true, but this page is not isolated from others, so it has none. It takes the headers Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp.",
      },
      {
        code: "ERR_OPTION",
        message:
          "Expected a model of allocate(shapes, { shared: true, replicas: n }) for a team of n workers, but the arrays of this one are not shared.",
      },
    ]);
  });
});
