// Each array that the library makes in JavaScript fails, one after the other, and that one with all after it, as an engine
// fails that has no memory for it: by a RangeError. The work is done, or nothing is changed, and done again it leaves the same
// bits. test/failing-memory.test.ts does the same to the add-on's own requests.
import { afterEach, describe, expect, test } from "vitest";
import { useBackend } from "../lib/backends/current.ts";
import { decodeCheckpoint, encodeCheckpoint } from "../lib/checkpoint/index.ts";
import { allocate, OptimError, RMSprop, type RMSpropOptions } from "../lib/index.ts";
import { drawGradient, parameter, plain, values } from "./support/arrays.ts";
import { everyBackend, useOwnBackend } from "./support/every-backend.ts";

const classes = [
  ...["ArrayBuffer", "SharedArrayBuffer", "Float32Array", "Float64Array", "Uint8Array", "Uint16Array", "Uint32Array"],
  ...["Int32Array", "BigInt64Array"],
] as const;

const says = "Array buffer allocation failed";

/** Puts classes that fail where `fails` says so in the place of the engine's: for what has memory of its own, no views. */
function watchArrays(fails: (count: number) => boolean): { restore(): number } {
  const all = globalThis as unknown as Record<string, new (...args: unknown[]) => unknown>;
  const originals = classes.map((name) => [name, all[name]] as const);
  const isBuffer = (value: unknown) => value instanceof ArrayBuffer || value instanceof SharedArrayBuffer;
  let count = 0;
  const handler: ProxyHandler<new (...args: unknown[]) => unknown> = {
    construct(target, args, newTarget) {
      if (!isBuffer(args[0]) && fails(++count)) throw new RangeError(says);
      return Reflect.construct(target, args, newTarget);
    },
  };
  for (const [name, original] of originals) if (original) all[name] = new Proxy(original, handler);
  return {
    restore() {
      for (const [name, original] of originals) if (original) all[name] = original;
      return count;
    },
  };
}

function make(options: RMSpropOptions = {}) {
  const parameters = [parameter("w", 40, "float32", 1), parameter("b", 7, "float64", 2)];
  for (const { grad } of parameters) drawGradient(grad as Float32Array, 3);
  return { parameters, optimizer: new RMSprop(parameters, { momentum: 0.9, centered: true, lr: 0.01, ...options }) };
}
type Made = ReturnType<typeof make>;

const staged = { clipGlobalNorm: 1, clipNorm: 0.9, skipNonFinite: true, diagnostics: true } as RMSpropOptions;
const averaged = { ema: { decay: 0.9 }, gradientAccumulationSteps: 2 } as RMSpropOptions;
const taken = (options?: RMSpropOptions) => () => {
  const made = make(options);
  made.optimizer.step();
  return made;
};
const saved = encodeCheckpoint(taken()());
const state = taken()().optimizer.stateDict();
const extra = () => ({ name: "d", data: values("float32", 5, 1), grad: values("float32", 5, 2) });

/** What there is before, and what is done. */
const pieces: Readonly<Record<string, readonly [() => Made, (made: Made) => unknown]>> = {
  construct: [make, () => make(averaged).optimizer.dispose()],
  "first step": [make, ({ optimizer }) => optimizer.step()],
  "first step, staged": [() => make(staged), ({ optimizer }) => optimizer.step()],
  "first step, averaged": [() => make(averaged), ({ optimizer }) => optimizer.step()],
  "step again, staged": [taken(staged), ({ optimizer }) => optimizer.step()],
  "step of a call's array": [
    taken(staged),
    ({ optimizer }) => optimizer.step({ w: { grad: values("float32", 40, 5) } }),
  ],
  "step of a list": [
    taken(staged),
    ({ optimizer }) => optimizer.step({ w: { grad: [values("float32", 40, 5), values("float32", 40, 6)] } }),
  ],
  "add a group": [taken(staged), ({ optimizer }) => optimizer.addParamGroup({ params: [extra()] })],
  stateDict: [taken(averaged), ({ optimizer }) => void optimizer.stateDict()],
  loadStateDict: [make, ({ optimizer }) => optimizer.loadStateDict(state)],
  "checkpoint saved": [taken(staged), (made) => void encodeCheckpoint(made)],
  "checkpoint loaded": [make, (made) => decodeCheckpoint(saved, made)],
  allocate: [make, () => allocate({ w: [4, 3], b: [2] }, { replicas: 2 }).dispose()],
  "allocate, shared": [make, () => allocate({ w: [4, 3] }, { shared: true }).dispose()],
};

/** The pieces that cannot do without arrays of JavaScript, on any backend and on those in TypeScript. */
const needed: readonly string[] = ["construct", "stateDict", "checkpoint saved", "checkpoint loaded"];
const neededInJavaScript: readonly string[] = ["step of a list", "add a group"];

const shown = ({ parameters, optimizer }: Made) =>
  JSON.stringify(
    plain([
      parameters.map(({ data, grad }) => [data, grad]),
      optimizer.paramGroups.map((group) => ({ ...group })),
      optimizer.stateDict(),
      optimizer.lastStep,
    ]),
  );

afterEach(useOwnBackend);

describe.each(Object.keys(everyBackend))("each array that fails, on %s", (name) => {
  test.each(Object.keys(pieces))("%s", (piece) => {
    const [setUp, work] = pieces[piece] as (typeof pieces)[string];
    useBackend(everyBackend[name] as (typeof everyBackend)[string]);
    const whole = setUp();
    const before = shown(whole);
    const counting = watchArrays(() => false);
    try {
      work(whole);
    } finally {
      counting.restore();
    }
    const count = counting.restore();
    const after = shown(whole);
    const codes = new Set<string>();
    for (const every of [false, true]) {
      for (let n = 1; n <= count; n++) {
        const what = `array ${n} of ${count}${every ? " and all after it" : ""}`;
        const one = setUp();
        const watched = watchArrays((made) => (every ? made >= n : made === n));
        let error: unknown;
        try {
          work(one);
        } catch (thrown) {
          error = thrown;
        } finally {
          watched.restore();
        }
        if (error) {
          codes.add(error instanceof OptimError ? error.code : `${(error as Error).name}: ${(error as Error).message}`);
          expect(shown(one), what).toBe(before);
          work(one);
        }
        expect(shown(one), what).toBe(after);
      }
    }
    expect([...codes].filter((code) => code !== "ERR_MEMORY" && code !== `RangeError: ${says}`)).toEqual([]);
    // Where an array is needed it is made, and its failure told. The add-on makes some of its steps' memory itself.
    const isNative = everyBackend[name]?.name === "native";
    if (needed.includes(piece) || (!isNative && neededInJavaScript.includes(piece))) {
      expect(count).toBeGreaterThan(3);
      expect(codes.size).toBeGreaterThan(0);
    }
  });
});
