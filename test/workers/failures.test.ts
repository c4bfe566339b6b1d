// Teams of which a worker fails, that can't start, that are refused, and that are closed.
import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { allocate } from "../../dist/index.js";
import { createTeam } from "../../dist/workers/index.js";
import { backwardOf, isGone, modelOf, moduleOf, rejection, useTeams } from "./support/teams.ts";

const { team, started } = useTeams();

describe("a worker that fails in a round", () => {
  const url = backwardOf(`
    if (work === 0 || index === 0) return 0;
    switch (work) {
      case 1: throw Object.assign(new RangeError("too far"), { code: "OURS" });
      case 2: return Promise.reject(new Error("later"));
      case 3: process.exit(7);
      case 4: for (;;);
      case 5: setTimeout(() => { throw new TypeError("unseen"); }); return new Promise(() => {});
      case 6: return "0.5";
      case 7: throw "just text";
      case 8: throw Object.create(null);
      case 9: throw { get message() { throw 1; }, toString() { throw 2; } };
      case 10: throw Object.assign(new Error("with a function"), { f() {} });
      case 11: return new Promise(() => {});
      case 12: return { then(_, reject) { reject(new Error("of a thenable")); } };
    }`);
  const backward = "to do its backward pass, but it threw";
  const stay = "to stay until the team is closed, but it exited with code";

  it.each([
    [1, `${backward} RangeError: too far.`, { name: "RangeError", message: "too far" }],
    [2, `${backward} Error: later.`, { name: "Error", message: "later" }],
    [3, `${stay} 7.`, undefined],
    [4, `${stay} 1.`, undefined],
    [5, "to catch its errors, but it threw TypeError: unseen.", { name: "TypeError", message: "unseen" }],
    [6, `${backward} TypeError: Expected a backward pass to return a number or nothing, but it returned string.`, {}],
    [7, `${backward} just text.`, "just text"],
    [8, `${backward} something that has no text.`, "something that has no text"],
    [9, `${backward} something that has no text.`, "something that has no text"],
    [10, `${backward} Error: with a function.`, { name: "Error", message: "with a function" }],
    [11, `${stay} 1.`, undefined],
    [12, `${backward} Error: of a thenable.`, { name: "Error", message: "of a thenable" }],
  ])("%i: rejects, and ends the team: %s", async (work, sentence, cause) => {
    const model = modelOf(2);
    const made = await team(model, url);
    await made.backward(0);
    const round = rejection(made.backward(work));
    if (sentence.includes("code 1.")) {
      await new Promise((resolve) => setTimeout(resolve, 30));
      // As anybody may who has the worker; createTeam gives it to nobody.
      void started[1]?.terminate();
    }
    const error = await round;
    expect(error).toMatchObject({ name: "OptimError", code: "ERR_WORKER" });
    expect(error.message).toBe(`Expected worker 1 of a team of 2 ${sentence}`);
    if (typeof cause === "object") {
      expect(error.cause).toMatchObject(cause);
      // A value that was returned came from no place in the module.
      expect((error.cause as Error).stack).toContain(work === 6 ? "worker.js" : "data:text/javascript");
    } else expect(error.cause).toBe(cause);
    expect(started.map(isGone)).toEqual([true, true]);

    expect(await rejection(made.backward(0))).toMatchObject({
      code: "ERR_WORKER",
      message: `Expected a team at work, but it has ended. ${error.message}`,
    });
    // The model is free again.
    const next = await team(model, url);
    expect(await next.backward(0)).toEqual([0, 0]);
    await next.close();
    model.dispose();
  });

  it("between rounds, makes the next one reject", async () => {
    const made = await team(
      modelOf(2),
      backwardOf("if (index === 1) setTimeout(() => process.exit(4), 10); return 0;"),
    );
    await made.backward();
    await once(started[1] as object as NodeJS.EventEmitter, "exit");
    expect(await rejection(made.backward())).toMatchObject({
      code: "ERR_WORKER",
      message: `Expected a team at work, but it has ended. Expected worker 1 of a team of 2 ${stay} 4.`,
    });
  });
});

describe("a team that can't start", () => {
  const of = (message: string) => `Expected worker 0 of a team of 1 to ${message}`;
  it.each([
    ["export default 3;", of("load its module, but it threw TypeError: Expected a function as the default export of")],
    [
      "export const f = 1;",
      of("load its module, but it threw TypeError: Expected a function as the default export of"),
    ],
    ["export default (", of("load its module, but it threw SyntaxError: ")],
    ["throw new Error('at once');", of("load its module, but it threw Error: at once.")],
    ["await 0; process.exit(5);", of("stay until the team is closed, but it exited with code 5.")],
    ["export default () => { throw new RangeError('no'); };", of("start, but it threw RangeError: no.")],
    ["export default async () => { throw new RangeError('no'); };", of("start, but it threw RangeError: no.")],
    ["export default () => {};", of("start, but it threw TypeError: Expected the default function of")],
    ["export default async () => 3;", of("start, but it threw TypeError: Expected the default function of")],
  ])("with %j rejects, and leaves no worker", async (code, message) => {
    const model = modelOf(1);
    const error = await rejection(createTeam(model, moduleOf(code)));
    expect(error).toMatchObject({ code: "ERR_WORKER", message: expect.stringContaining(message) });
    expect(started.map(isGone)).toEqual([true]);
    model.dispose();
  });

  it("because of one worker alone ends the others", async () => {
    const url = moduleOf(
      "export default async ({ index }) => { if (index === 2) throw new Error('I'); return () => {}; };",
    );
    const model = modelOf(3);
    expect(await rejection(createTeam(model, url))).toMatchObject({
      message: "Expected worker 2 of a team of 3 to start, but it threw Error: I.",
    });
    expect(started.map(isGone)).toEqual([true, true, true]);
    model.dispose();
  });

  it("because its module is not there says so", async () => {
    const url = new URL("./not-there.mjs", import.meta.url);
    const error = await rejection(createTeam(modelOf(1), url));
    expect(error.message).toMatch(
      /^Expected worker 0 of a team of 1 to load its module, but it threw Error: .*not-there\.mjs/,
    );
  });

  it("because data can't be copied says so, and leaves no worker", async () => {
    const model = modelOf(2);
    const long = () =>
      "a function whose text is longer than anybody would read in the message of an error, which names it";
    const error = await rejection(createTeam(model, backwardOf(""), { data: { f: long } }));
    expect(error.message.length).toBeLessThan(250);
    expect(error).toMatchObject({ name: "OptimError", code: "ERR_OPTION" });
    expect(error.message).toMatch(
      /^Expected 'data' to be a value that structured clone takes, but DataCloneError: .*cloned/,
    );
    expect(started.every(isGone)).toBe(true);
    model.dispose();
  });
});

describe("createTeam refuses, before a worker starts,", () => {
  const url = backwardOf("");
  const wanted = "Expected a model of allocate(shapes, { shared: true, replicas: n }) for a team of n workers, but";
  const disposed = () => {
    const model = modelOf(2);
    model.dispose();
    return model;
  };
  const likeOne = () => ({ ...modelOf(2) });

  it.each([
    ["a model without replicas", () => allocate({ w: [1] }, { shared: true }), `${wanted} this one has no replicas.`],
    [
      "memory that is not shared",
      () => allocate({ w: [1] }, { replicas: 2 }),
      `${wanted} the arrays of this one are not shared.`,
    ],
    ["parameters", () => modelOf(2).parameters, `${wanted} found an array.`],
    ["nothing", () => undefined, `${wanted} found undefined.`],
    ["a copy of a model", likeOne, `${wanted} this one is not of allocate() of this copy of the package.`],
    [
      "a model that was disposed",
      disposed,
      "Expected a model that has its memory, but it was disposed.",
      "ERR_DETACHED",
    ],
  ])("%s", async (_, make, message, code = "ERR_OPTION") => {
    const error = await rejection(createTeam(make() as never, url));
    expect([error.code, error.message]).toEqual([code, message]);
    expect(started).toEqual([]);
  });

  it.each([
    ["./backward.js", '"./backward.js"'],
    ["backward.js", '"backward.js"'],
    [undefined, "undefined"],
    [() => 0, "a function"],
    [{ href: 3 }, "an object"],
  ])("the module %s", async (given, found) => {
    expect(await rejection(createTeam(modelOf(1), given as never))).toMatchObject({
      code: "ERR_OPTION",
      message: `Expected the worker's module as new URL("./backward.js", import.meta.url), but found ${found}.`,
    });
    expect(started).toEqual([]);
  });

  it("an option that there is none of", async () => {
    expect(await rejection(createTeam(modelOf(1), url, { dat: 1 } as never))).toMatchObject({
      code: "ERR_OPTION",
      message: "createTeam has no option 'dat'; did you mean 'data'?",
    });
    expect(started).toEqual([]);
  });

  it("a model that a team has, or is about to have, and lets nobody dispose it until it is closed", async () => {
    const model = modelOf(1);
    const busy = {
      code: "ERR_STEP_IN_FLIGHT",
      message: "Expected a model that no team works on, but one does: await its close() first.",
    };
    const starting = team(model, url);
    expect(await rejection(createTeam(model, url))).toMatchObject(busy);
    expect(() => model.dispose()).toThrow(expect.objectContaining(busy));
    const made = await starting;
    expect(await rejection(createTeam(model, url))).toMatchObject(busy);
    expect(() => model.dispose()).toThrow(expect.objectContaining(busy));
    const closing = made.close();
    expect(() => model.dispose()).toThrow(expect.objectContaining(busy));
    await closing;
    model.dispose();
  });
});

describe("close()", () => {
  it("ends a round that is under way, and resolves when all workers are gone; again and again", async () => {
    const made = await team(modelOf(3), backwardOf("if (work === 1) for (;;); return 0;"));
    await made.backward(0);
    const round = rejection(made.backward(1));
    await new Promise((resolve) => setTimeout(resolve, 20));
    await Promise.all([made.close(), made.close()]);
    expect(started.map(isGone)).toEqual([true, true, true]);
    expect(await round).toMatchObject({ code: "ERR_WORKER", message: "The team was closed." });
    expect(await rejection(made.backward(0))).toMatchObject({
      code: "ERR_WORKER",
      message: "Expected a team at work, but it has ended. The team was closed.",
    });
    await made.close();
  });

  it("comes by itself at the end of a block, by await using", async () => {
    const made = await createTeam(modelOf(1), backwardOf(""));
    await made[Symbol.asyncDispose]();
    expect(started.map(isGone)).toEqual([true]);
  });
});
