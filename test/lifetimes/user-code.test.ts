// User code runs first: what it does in the middle of a call, the checks that come after it see.
import { describe, expect, test } from "vitest";
import { allocate, type FloatArray, RMSprop, type StateDict } from "../../lib/index.ts";
import { bufferOf } from "../../lib/numbers/typed-array.ts";
import { detach, own, parameter, refuses, thrownBy } from "../support/arrays.ts";
import { rejects } from "../support/steps.ts";

describe("memory that an lr function takes away is noticed by the step that asked it", () => {
  const ways = {
    "data detached": (a: { data: FloatArray }) => detach(bufferOf(a.data)),
    "a gradient detached": (a: { grad: FloatArray }) => detach(bufferOf(a.grad)),
  };
  test.each(Object.entries(ways))("%s", (_, take) => {
    const [a, b] = [parameter("a"), parameter("b", 7, "float64")];
    let gone = false;
    const lr = () => {
      if (gone) take(a);
      return 0.1;
    };
    const optimizer = new RMSprop([a, b], { lr });
    optimizer.step();
    gone = true;
    // With an option that needs a slot, which is not made then.
    (optimizer.paramGroups[0] as { momentum: number }).momentum = 0.5;
    const slots = ["a", "b"].map((name) => optimizer.state(name).squareAvg as FloatArray);
    const witnesses = [b.data, b.grad, ...slots];
    refuses(() => optimizer.step(), "ERR_DETACHED", /of 'a'/, witnesses);
    expect(optimizer.state("b")).toEqual({ step: 1, squareAvg: slots[1] });
  });

  test.each(["step with arrays", "stepAsync", "stepAsync with arrays"])("disposed, by %s", async (way) => {
    const [first, second] = [allocate({ a: [5] }), allocate({ b: [3] })];
    let gone = false;
    const lr = () => {
      if (gone) first.dispose();
      return 0.1;
    };
    const optimizer = new RMSprop([...first.parameters, ...second.parameters], { lr });
    optimizer.step();
    gone = true;
    const witnesses = [second.params.b, second.grads.b, optimizer.state("b").squareAvg as FloatArray];
    const arrays = way.endsWith("arrays") ? own(...first.parameters, ...second.parameters) : undefined;
    if (way.startsWith("stepAsync")) {
      await rejects(() => optimizer.stepAsync(arrays), "ERR_DETACHED", /of 'a'/, witnesses);
    } else {
      refuses(() => optimizer.step(arrays), "ERR_DETACHED", /of 'a'/, witnesses);
    }
    expect(optimizer.state("b").step).toBe(1);
  });
});

describe("what a state's getter does to the optimizer that loads it is noticed", () => {
  const withGetter = (state: StateDict, run: () => void) =>
    Object.defineProperty({ ...state }, "rule", {
      enumerable: true,
      get() {
        run();
        return "rmsprop";
      },
    });

  test("a dispose", () => {
    const p = parameter("a");
    const optimizer = new RMSprop([p]);
    const state = withGetter(optimizer.stateDict(), () => optimizer.dispose());
    expect(thrownBy(() => optimizer.loadStateDict(state))).toMatchObject({ name: "OptimError" });
    refuses(() => optimizer.step(), "ERR_DETACHED", /it was disposed/, [p.data, p.grad]);
  });

  test("a step off the event loop that it begins", async () => {
    const model = allocate({ a: [5] });
    model.grads.a.fill(1);
    const optimizer = new RMSprop(model.parameters);
    let step: Promise<void> | undefined;
    const state = withGetter(optimizer.stateDict(), () => {
      step = optimizer.stepAsync();
    });
    refuses(() => optimizer.loadStateDict(state), "ERR_STEP_IN_FLIGHT", /await what stepAsync\(\) returned/);
    await step;
    expect(optimizer.state("a").step).toBe(1);
    model.dispose();
  });

  test("an exchange of weights and averages", () => {
    const p = parameter("a");
    const optimizer = new RMSprop([p], { ema: { decay: 0.5 } });
    optimizer.step();
    const state = withGetter(optimizer.stateDict(), () => optimizer.swapEma());
    refuses(() => optimizer.loadStateDict(state), "ERR_STATE", /put averages there/, [p.grad]);
  });
});
