// Takes memory away at every point at which a program can run code of its own: inside each call of a built-in function that
// the library makes, one after the other. An action is run again and again; in run k the memory goes at the k-th call.
// Prints how many points each action has. What an action answers is not looked at here; that the process lives is.
// node interrupted-calls.js STRIDE: every point, or one of so many and all of the last, among which the step itself begins.
import { allocate, RMSprop } from "../../dist/index.js";

const length = 2 ** 19; // 2 MiB, mapped on its own, so that a late access ends the process

const stride = Number(process.argv[2]);
const last = 20;

let countdown = 0; // the call that interrupts; 0: none
let calls = 0; // of an action, so far
let interrupt;

/** Puts a function that counts, and at the chosen call interrupts, in the place of every built-in that can be replaced. */
function replaceBuiltIns() {
  const { apply, ownKeys, getOwnPropertyDescriptor, defineProperty, getPrototypeOf } = Reflect;
  const point = () => {
    if (countdown === 0) return;
    calls++;
    if (--countdown === 0) interrupt();
  };
  const iterators = [[], new Map(), new Set(), new Float32Array(1)].map((each) =>
    getPrototypeOf(each[Symbol.iterator]()),
  );
  const classes = [
    Array,
    Map,
    Set,
    WeakMap,
    WeakSet,
    Object,
    Function,
    Promise,
    ArrayBuffer,
    Float32Array,
    Uint32Array,
  ];
  const statics = [Object, Array, Number, Math, Reflect, Promise, Symbol];
  const typed = getPrototypeOf(Float32Array.prototype);
  const targets = new Set([...classes.map((each) => each.prototype), ...statics, ...iterators, typed, Float64Array]);
  targets.add(getPrototypeOf(iterators[0]));
  targets.add(getPrototypeOf(function* () {}).prototype);
  for (const target of targets) {
    for (const key of ownKeys(target)) {
      const descriptor = getOwnPropertyDescriptor(target, key);
      if (!descriptor.configurable || key === "constructor" || (target === Object.prototype && key === "__proto__"))
        continue;
      if (typeof descriptor.value === "function") {
        const original = descriptor.value;
        const replaced = {
          replaced(...given) {
            point();
            return new.target ? Reflect.construct(original, given, new.target) : apply(original, this, given);
          },
        }.replaced;
        if (original.prototype === undefined) defineProperty(target, key, { ...descriptor, value: replaced });
      } else if (descriptor.get) {
        const original = descriptor.get;
        defineProperty(target, key, {
          ...descriptor,
          get() {
            point();
            return apply(original, this, []);
          },
        });
      }
    }
  }
}

/** Runs something as an action. Awaiting is no action: what it calls is the engine's. */
const fresh = (options) => {
  const model = allocate({ w: [length], b: [3] });
  const optimizer = new RMSprop(model.parameters, { lr: 0.1, ...options });
  return { model, optimizer, arrays: { w: { grad: model.grads.w }, b: { data: model.params.b } } };
};

/** A model whose factors are in its own memory, and an optimizer over one parameter that stands with what they make. */
const made = (gradOf) => {
  const model = allocate({ w: [2, length / 2], x: [2, 2], y: [2, length / 2] });
  const grad = gradOf(model.params);
  const optimizer = new RMSprop([{ name: "w", shape: [2, length / 2], data: model.params.w, grad }], { lr: 0.1 });
  return { model, optimizer, grad };
};

const stages = {
  ...{ clipGlobalNorm: 1, clipValue: 1, skipNonFinite: true, ema: { decay: 0.5 }, zeroGrads: true },
  ...{ diagnostics: true, gradientAccumulationSteps: 2 },
};

/** Each makes what it needs and returns the action over it. */
const actions = {
  construct: () => {
    const { model, optimizer } = fresh();
    optimizer.dispose();
    return {
      model,
      run() {
        const made = new RMSprop(model.parameters, { momentum: 0.9 });
        countdown = 0;
        made.step();
      },
    };
  },
  step: () => {
    const { model, optimizer } = fresh({ lr: (step) => 1 / step });
    return { model, run: () => optimizer.step() };
  },
  "step, with an option that needs a slot": () => {
    const { model, optimizer } = fresh();
    optimizer.step();
    optimizer.paramGroups[0].momentum = 0.9;
    return { model, run: () => optimizer.step() };
  },
  "another beginning of the state": () => {
    const { model, optimizer } = fresh();
    const run = () => {
      optimizer.paramGroups[0].initialSquareAvg = 1;
      optimizer.step();
    };
    return { model, run };
  },
  "step with arrays": () => {
    const { model, optimizer, arrays } = fresh();
    optimizer.step({ b: model.grads.b });
    return { model, run: () => optimizer.step(arrays) };
  },
  "step with arrays, parting clocks": () => {
    const { model, optimizer, arrays } = fresh({ lr: (step) => 1 / step });
    optimizer.step(arrays);
    return { model, run: () => optimizer.step({ w: model.grads.w }) };
  },
  stepAsync: () => {
    const { model, optimizer } = fresh();
    return { model, run: () => optimizer.stepAsync() };
  },
  "stepAsync with arrays": () => {
    const { model, optimizer, arrays } = fresh();
    return { model, run: () => optimizer.stepAsync(arrays) };
  },
  "step with stages": () => {
    const { model, optimizer } = fresh(stages);
    optimizer.step();
    return { model, run: () => optimizer.step() };
  },
  "step with stages that are set": () => {
    const { model, optimizer } = fresh();
    optimizer.step();
    Object.assign(optimizer.paramGroups[0], { ema: { decay: 0.5 }, zeroGrads: true });
    return { model, run: () => optimizer.step() };
  },
  "stepAsync with stages": () => {
    const { model, optimizer } = fresh(stages);
    return { model, run: () => optimizer.stepAsync() };
  },
  "step with factors, of another batch": () => {
    const { model, optimizer, grad } = made(({ x, y }) => ({ x, y }));
    optimizer.step();
    const run = () => {
      grad.batch = 1;
      optimizer.step();
    };
    return { model, run };
  },
  "step with a list, for one call": () => {
    const { model, optimizer } = made(() => null);
    const { x, y } = model.params;
    return { model, run: () => optimizer.step({ w: { grad: [model.grads.w, { x, y, batch: 2 }] } }) };
  },
  swapEma: () => {
    const { model, optimizer } = fresh(stages);
    optimizer.step();
    optimizer.step();
    return { model, run: () => optimizer.swapEma() };
  },
  zeroGrad: () => {
    const { model, optimizer } = fresh();
    return { model, run: () => optimizer.zeroGrad() };
  },
  addParamGroup: () => {
    const { model, optimizer } = fresh();
    const other = allocate({ other: [length] });
    return {
      model: other,
      run() {
        optimizer.addParamGroup({ params: other.parameters });
        countdown = 0;
        optimizer.step();
        model.dispose();
      },
    };
  },
  loadStateDict: () => {
    const { model, optimizer } = fresh();
    const state = optimizer.stateDict();
    return { model, run: () => optimizer.loadStateDict(state) };
  },
};

/** How the memory goes. */
const interruptions = {
  dispose: ({ model }) => model.dispose(),
  transfer: ({ model }) => {
    for (const { data, grad } of model.parameters) for (const { buffer } of [data, grad]) buffer.transfer?.();
    global.gc();
  },
};

/** What the library says, and what it hands on of the engine: a view that could not be made, a buffer that has gone. */
const expected = (error) => error?.name === "OptimError" || error instanceof TypeError || error instanceof RangeError;

async function attempt(action) {
  try {
    await action();
  } catch (error) {
    if (!expected(error)) throw error;
  }
}

/** Runs an action that is interrupted at its k-th call. Returns how many calls it came to make. */
async function run(make, take, k) {
  const made = make();
  interrupt = () => {
    try {
      take(made);
    } catch (error) {
      if (!expected(error)) throw error;
    }
  };
  calls = 0;
  await attempt(() => {
    countdown = k;
    try {
      return made.run();
    } finally {
      countdown = 0;
    }
  });
  await attempt(() => made.model.dispose());
  return calls;
}

replaceBuiltIns();
const report = {};
for (const [way, take] of Object.entries(interruptions)) {
  for (const [name, make] of Object.entries(actions)) {
    const total = await run(make, take, Number.POSITIVE_INFINITY);
    for (let k = 1; k <= total; k += k + stride <= total - last ? stride : 1) await run(make, take, k);
    report[`${name}, ${way}`] = total;
  }
}
console.log(JSON.stringify(report));
