// What happens where a thread ends. Each test has the number under which the fault was reported.
import { afterEach, describe, expect, it, vi } from "vitest";
import { allocate, RMSprop } from "../../lib/index.ts";
import { full } from "../support/cases.ts";
import { hasAddon } from "../support/native-loaded.ts";
import { report } from "../support/programs.ts";

interface Ended {
  exported: string[];
  called: string[];
  ended: Record<string, number>;
}

describe.skipIf(!hasAddon)("a worker is terminated inside a function of the add-on", () => {
  const times = full ? 60 : 2;
  it(`C1: each of them, ${times} times, and the process goes on`, { timeout: 900_000 }, async () => {
    const options = { args: [times], timeout: 890_000 };
    const { exported, called, ended } = await report<Ended>("terminated-calls", options);
    expect([...called].sort(), "what is called is what there is").toEqual([...exported].sort());
    expect(Object.keys(ended)).toEqual(expect.arrayContaining(called));
    expect(new Set(Object.values(ended))).toEqual(new Set([times]));
  });
});

describe("memory that a runtime frees under work", () => {
  afterEach(() => {
    vi.unstubAllGlobals();
  });

  const shared = () => {
    const [data, grad] = [0, 0].map(() => new Float32Array(new SharedArrayBuffer(8)).fill(1)) as [
      Float32Array,
      Float32Array,
    ];
    return [{ name: "w", data, grad }];
  };
  const models = {
    "a SharedArrayBuffer": shared,
    "allocate({ shared: true })": () => {
      const model = allocate({ w: [2] }, { shared: true });
      model.grads.w.fill(1);
      model.params.w.fill(1);
      return model.parameters;
    },
  };

  it.each(Object.entries(models))("C2: %s is refused by name on Deno, and step() takes it", async (_, make) => {
    const params = make();
    const optimizer = new RMSprop(params, { lr: 1, alpha: 0, eps: 0 });
    vi.stubGlobal("Deno", {});
    await expect(optimizer.stepAsync()).rejects.toMatchObject({
      code: "ERR_ASYNC_MEMORY",
      message: expect.stringMatching(/data of 'w'.*allocate\(\).*Deno/),
    });
    expect([...(params[0]?.data ?? [])]).toEqual([1, 1]);
    optimizer.step();
    vi.unstubAllGlobals();
    await optimizer.stepAsync();
    expect([...(params[0]?.data ?? [])]).toEqual([-1, -1]);
  });

  it.skipIf(!hasAddon)(
    "C2: workers are terminated in steps off the event loop, and the process goes on",
    {
      timeout: 900_000,
    },
    async () => {
      const rounds = full ? 12 : 2;
      for (const kind of full ? ["allocated", "shared", "sharedAllocated"] : ["allocated"]) {
        const found = await report("terminated-async", { args: [rounds, kind], timeout: 300_000 });
        expect(found, kind).toEqual({ rounds, codes: ["stepped"] });
      }
    },
  );
});

describe.skipIf(!hasAddon)("the state of an optimizer whose worker has ended", () => {
  it.each(["natural", "exit", "terminate"])("R1: is freed with it (%s)", { timeout: 300_000 }, async (ending) => {
    const options = { args: [full ? 30 : 3, ending], timeout: 290_000 };
    expect(await report("state-of-ended", options)).toEqual({ blocks: 0, bytes: 0 });
  });

  it("R1: is kept where state() has shown it, for another thread may have it", { timeout: 300_000 }, async () => {
    const found = await report<{ blocks: number }>("state-of-ended", { args: [2, "shown"], timeout: 290_000 });
    // One run for the float32 parameters of each worker; that of the float64 ones has not been shown.
    expect(found.blocks).toBe(2);
  });
});
