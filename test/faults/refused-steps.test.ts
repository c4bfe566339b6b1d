// Faults that were found by using the package; each test has the number under which it was reported. Here: steps that are
// refused, and everything that they must leave as it was.
import { afterEach, describe, expect, it } from "vitest";
import type { Backend } from "../../lib/backends/backend.ts";
import { currentBackend, useBackend } from "../../lib/backends/current.ts";
import { type OptimError, RMSprop, type RMSpropOptions, SGD, type StepArrays } from "../../lib/index.ts";
import type { FloatArray, NumberType } from "../../lib/numbers/typed-array.ts";
import { arrayType } from "../support/arena.ts";
import { plain, refuses, resizable } from "../support/arrays.ts";
import { numberTypes } from "../support/cases.ts";
import { everyBackend, useOwnBackend } from "../support/every-backend.ts";

afterEach(useOwnBackend);

/** What a backend refuses from now on. */
interface Fails {
  allocate: boolean;
  bind: boolean;
  begin: boolean;
}

/** A backend that can be told to refuse. */
function fragile(backend: Backend): { backend: Backend; fails: Fails } {
  const fails = { allocate: false, bind: false, begin: false };
  const wrapped: Backend = {
    ...backend,
    allocate: (bytes) => (fails.allocate ? undefined : backend.allocate(bytes)),
    bind(...given) {
      const bound = fails.bind ? undefined : backend.bind(...given);
      return (
        bound && {
          ...bound,
          rebind: (...others) => !fails.bind && bound.rebind(...others),
          stepAsync: (...runs) => (fails.begin ? undefined : bound.stepAsync(...runs)),
        }
      );
    },
  };
  return { backend: wrapped, fails };
}

interface Run {
  readonly optimizer: RMSprop;
  readonly arrays: readonly FloatArray[];
  readonly fails: Fails;
  readonly memory: ReturnType<typeof resizable> | undefined;
  /** What the learning rate's function does next. */
  rate: "given" | "thrown" | "none";
  take(arrays?: StepArrays): Promise<void> | void;
}

const lengths = { a: 3, b: 1, c: 0, d: 1100 };
const names = Object.keys(lengths) as (keyof typeof lengths)[];
const room = 2400;

/** An optimizer of two groups after three steps. */
async function setUp(makeBackend: Backend, way: string, type: NumberType, options: RMSpropOptions, shrinks: boolean) {
  const { backend, fails } = fragile(makeBackend);
  useBackend(backend);
  const Type = arrayType(type);
  const asynchronous = way.startsWith("stepAsync");
  const bytes = room * Type.BYTES_PER_ELEMENT;
  const memory = shrinks ? resizable(bytes, bytes) : undefined;
  let used = 0;
  const make = (length: number, seed: number): FloatArray => {
    const size = length * Type.BYTES_PER_ELEMENT;
    const buffer = memory ?? (asynchronous ? new SharedArrayBuffer(size) : new ArrayBuffer(size));
    const array = new Type(buffer as ArrayBuffer, memory ? used : 0, length);
    used += size;
    for (let i = 0; i < length; i++) array[i] = Math.sin(i * 7 + seed);
    return array;
  };
  // One gradient for all, which is allowed as long as it is not set to zero.
  const shared = make(1100, 9);
  const parameters = names.map((name, i) => ({
    name,
    data: make(lengths[name], i),
    grad: shared.subarray(0, lengths[name]) as FloatArray,
  }));
  const entries = names.map((name) => [
    name,
    { grad: shrinks ? shared.slice(0, lengths[name]) : make(lengths[name], 3) },
  ]);
  const given = way.endsWith("arrays") ? (Object.fromEntries(entries) as StepArrays) : undefined;
  const lr = (step: number) => {
    if (run.rate === "thrown") throw new RangeError("no rate today");
    return run.rate === "none" ? Number.NaN : 0.1 / step;
  };
  const groups = [{ params: parameters.slice(0, 2) }, { params: parameters.slice(2), weightDecay: 0.1 }];
  const optimizer = new RMSprop(groups, { lr, ...options });
  const arrays = [...parameters.map(({ data }) => data), shared];
  const take = (arrays = given) => (asynchronous ? optimizer.stepAsync(arrays) : optimizer.step(arrays));
  const run: Run = { optimizer, arrays, fails, memory, rate: "given", take };
  for (let i = 0; i < 3; i++) await run.take();
  return run;
}

const set = ({ optimizer }: Run, options: object) => {
  for (const group of optimizer.paramGroups) Object.assign(group, options);
};

/** What a step is refused for, how to bring it about, and how to take it away. */
interface Cause {
  readonly code: string;
  readonly ways?: readonly string[];
  readonly shrinks?: boolean;
  bring(run: Run): void;
  /** What the refused step is given. */
  arrays?(run: Run): StepArrays;
  end(run: Run): void;
}

const ways = ["step", "step with arrays", "stepAsync", "stepAsync with arrays"];
const causes: Readonly<Record<string, Cause>> = {
  "gradients that are shared and set to zero": {
    code: "ERR_ALIASED",
    ways: ["step", "stepAsync"],
    bring: (run) => set(run, { zeroGrads: true }),
    end: (run) => set(run, { zeroGrads: false }),
  },
  "the same, of the call": {
    code: "ERR_ALIASED",
    ways: ["step with arrays", "stepAsync with arrays"],
    bring: (run) => set(run, { zeroGrads: true }),
    arrays({ arrays }) {
      const shared = arrays.at(-1) as FloatArray;
      return { a: { grad: shared.subarray(0, 3) as FloatArray }, d: { grad: shared } };
    },
    end: (run) => set(run, { zeroGrads: false }),
  },
  "memory for slots": {
    code: "ERR_MEMORY",
    bring: ({ fails }) => {
      fails.allocate = true;
    },
    end: ({ fails }) => {
      fails.allocate = false;
    },
  },
  "memory to list the parameters in": {
    code: "ERR_MEMORY",
    bring: ({ fails }) => {
      fails.bind = true;
    },
    end: ({ fails }) => {
      fails.bind = false;
    },
  },
  "memory that has shrunk": {
    code: "ERR_DETACHED",
    ways: ["step", "step with arrays"],
    shrinks: true,
    bring: ({ memory }) => memory?.resize(8),
    end: ({ memory, arrays }) => memory?.resize(room * (arrays[0] as FloatArray).BYTES_PER_ELEMENT),
  },
  "a function that throws": {
    code: "RangeError",
    bring: (run) => {
      run.rate = "thrown";
    },
    end: (run) => {
      run.rate = "given";
    },
  },
  "a rate that is none": {
    code: "ERR_OPTION",
    bring: (run) => {
      run.rate = "none";
    },
    end: (run) => {
      run.rate = "given";
    },
  },
  "memory of another copy of the package": {
    code: "ERR_ASYNC_MEMORY",
    ways: ["stepAsync", "stepAsync with arrays"],
    bring: ({ fails }) => {
      fails.begin = true;
    },
    end: ({ fails }) => {
      fails.begin = false;
    },
  },
};

/** Options that are set on the running optimizer right before the step that is refused. */
const changes: Readonly<Record<string, { before: RMSpropOptions; set: RMSpropOptions }>> = {
  "slots and stages come": { before: {}, set: { momentum: 0.5, ema: { decay: 0.5 } } },
  "with stages already": { before: { clipValue: 0.5 }, set: { centered: true, ema: { decay: 0.5 } } },
  "nothing but the cause": { before: { ema: { decay: 0.9 } }, set: {} },
};

/** Everything of a run that can be seen, but for its own function. */
const seen = ({ optimizer, arrays }: Run) => ({
  arrays: plain(arrays),
  options: optimizer.paramGroups.map((group) => ({ ...group, lr: undefined })),
  state: names.map((name) => plain(optimizer.state(name))),
  stateDict: plain(optimizer.stateDict()),
  lastStep: optimizer.lastStep,
  lossScale: optimizer.lossScale,
});

describe.each(Object.entries(everyBackend))("on %s", (_, backend) => {
  describe.each(Object.entries(causes))("%s", (_, cause) => {
    for (const way of cause.ways ?? ways) {
      for (const [when, change] of Object.entries(changes)) {
        for (const type of numberTypes) {
          it(`S4: a refused step changes nothing: ${way}, ${type}, ${when}`, async () => {
            const refused = await setUp(backend, way, type, change.before, cause.shrinks ?? false);
            const spared = await setUp(backend, way, type, change.before, cause.shrinks ?? false);
            for (const run of [refused, spared]) set(run, change.set);
            expect(seen(refused)).toEqual(seen(spared));
            const bytes = refused.memory && new Uint8Array(refused.memory).slice();
            const needsMemory = cause.code === "ERR_MEMORY" && Object.keys(change.set).length === 0;
            for (let round = 0; round < 2; round++) {
              cause.bring(refused);
              let found: unknown = "nothing";
              try {
                await refused.take(cause.arrays?.(refused));
              } catch (error) {
                found = (error as OptimError).code ?? (error as Error).name;
              }
              cause.end(refused);
              if (refused.memory && bytes) new Uint8Array(refused.memory).set(bytes);
              if (needsMemory && found === "nothing") {
                await spared.take(); // there was nothing to make
              } else {
                expect(found).toBe(cause.code);
              }
              expect(seen(refused)).toEqual(seen(spared));
            }
            for (let step = 0; step < 3; step++) {
              await refused.take();
              await spared.take();
              expect(seen(refused)).toEqual(seen(spared));
            }
          });
        }
      }
    }
  });

  it.each([{}, { clipValue: 1 }])(
    "S3: what an option comes to write may overlap nothing, as at construction: %o",
    (before) => {
      useBackend(backend);
      const grad = Float32Array.of(1, 2);
      const params = ["x", "y"].map((name) => ({ name, data: new Float32Array(2), grad }));
      const message =
        /^Expected arrays that do not overlap in memory, but the gradient of 'x' and the gradient of 'y' do/;
      refuses(() => new SGD(params, { ...before, zeroGrads: true }), "ERR_ALIASED", message, [grad]);
      const witnesses = [grad, ...params.map(({ data }) => data)];
      const optimizer = new SGD(params, before);
      optimizer.step();
      const state = optimizer.stateDict();
      // Set, loaded, and set on one group only, that of another parameter.
      Object.assign(optimizer.paramGroups[0] as object, { zeroGrads: true });
      for (let i = 0; i < 3; i++) refuses(() => optimizer.step(), "ERR_ALIASED", message, [...witnesses, optimizer]);
      Object.assign(optimizer.paramGroups[0] as object, { zeroGrads: false });
      optimizer.step();
      for (const group of state.paramGroups) group.zeroGrads = true;
      optimizer.loadStateDict(state);
      for (let i = 0; i < 3; i++) refuses(() => optimizer.step(), "ERR_ALIASED", message, [...witnesses, optimizer]);
      const z = { name: "z", data: new Float32Array(2), grad };
      const other = new SGD([params[0] as (typeof params)[0]], before);
      other.step();
      refuses(() => other.addParamGroup({ params: [z], zeroGrads: true }), "ERR_ALIASED", /overlap/, [
        ...witnesses,
        other,
      ]);
      other.step();
    },
  );
});

it("S4: a state that there is no memory for is loaded into no group", () => {
  const own = currentBackend();
  const { backend, fails } = fragile(own);
  const group = (name: string) => ({ params: [{ name, data: new Float32Array(3), grad: new Float32Array(3) }] });
  const from = new RMSprop([group("x"), group("y")], { momentum: 0.5, centered: true });
  from.step();
  let made = 0;
  useBackend({ ...backend, allocate: (bytes) => (fails.allocate && made++ > 0 ? undefined : own.allocate(bytes)) });
  const optimizer = new RMSprop([group("x"), group("y")]);
  optimizer.step();
  fails.allocate = true;
  refuses(() => optimizer.loadStateDict(from.stateDict()), "ERR_MEMORY", /memory/, [optimizer]);
  expect(Object.keys(optimizer.state("x"))).toEqual(["step", "squareAvg"]);
  fails.allocate = false;
  optimizer.loadStateDict(from.stateDict());
  expect(plain(optimizer.stateDict())).toEqual(plain(from.stateDict()));
});
