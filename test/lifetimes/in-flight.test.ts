// While a step works off the event loop, whatever would change or take away what it works on is refused.
import { describe, expect, test } from "vitest";
import { allocate, RMSprop } from "../../lib/index.ts";
import { parameter, refuses } from "../support/arrays.ts";
import { rejects } from "../support/steps.ts";

const options = { lr: 0.1, momentum: 0.5 };

function begun() {
  const model = allocate({ a: [5], b: [1030] });
  model.params.a.fill(2);
  model.grads.a.fill(1);
  model.grads.b.fill(-1);
  const optimizer = new RMSprop(model.parameters, options);
  optimizer.step();
  return { model, optimizer };
}

describe("memory that can be taken away is refused before anything changes", () => {
  test.each(["data", "grad"] as const)("%s in an ordinary ArrayBuffer", async (kind) => {
    const { model, optimizer } = begun();
    const a = { ...parameter("a"), data: model.params.a, grad: model.grads.a };
    const mixed = new RMSprop([{ ...a, [kind]: new Float32Array(5) }], options);
    const witnesses = [model.params.a, model.grads.a];
    const named = new RegExp(`the ${kind === "grad" ? "gradient" : kind} of 'a'.*ordinary ArrayBuffer`);
    await rejects(() => mixed.stepAsync(), "ERR_ASYNC_MEMORY", named, witnesses);
    await rejects(
      () => optimizer.stepAsync({ a: { [kind]: new Float32Array(5) } }),
      "ERR_ASYNC_MEMORY",
      named,
      witnesses,
    );
    expect([mixed.lastStep?.step, optimizer.lastStep?.step]).toEqual([undefined, 1]);
    await optimizer.stepAsync();
    expect(optimizer.lastStep?.step).toBe(2);
  });
});

describe("what would change or take away memory at work is ERR_STEP_IN_FLIGHT", () => {
  const actions: Readonly<Record<string, (of: ReturnType<typeof begun>) => unknown>> = {
    "a step": ({ optimizer }) => optimizer.step(),
    "a step with arrays": ({ optimizer }) => optimizer.step({ a: null }),
    "a load": ({ optimizer }) => optimizer.loadStateDict(new RMSprop([parameter("a")], options).stateDict()),
    "a state dict": ({ optimizer }) => optimizer.stateDict(),
    "zeroed gradients": ({ optimizer }) => optimizer.zeroGrad(),
    "a group more": ({ optimizer }) => optimizer.addParamGroup({ params: [parameter("c")] }),
    "a parameter less": ({ optimizer }) => optimizer.remove("a"),
    "the optimizer's dispose": ({ optimizer }) => optimizer.dispose(),
    "the model's dispose": ({ model }) => model.dispose(),
  };
  test.each(Object.entries(actions))("%s", async (_, act) => {
    const [stepped, expected] = [begun(), begun()];
    const pending = stepped.optimizer.stepAsync();
    refuses(() => act(stepped), "ERR_STEP_IN_FLIGHT", /await what (it|stepAsync\(\)) returned/);
    await rejects(() => stepped.optimizer.stepAsync(), "ERR_STEP_IN_FLIGHT", /await what (it|stepAsync\(\)) returned/);
    await pending;
    expected.optimizer.step();
    expect(stepped.model.params).toEqual(expected.model.params);
    expect(stepped.optimizer.stateDict()).toEqual(expected.optimizer.stateDict());
    // Once it is done, nothing is at work.
    stepped.optimizer.dispose();
    stepped.model.dispose();
    expect(stepped.model.params.a.length).toBe(0);
  });
});
