import { lengthOf, type NumberType } from "../../numbers/typed-array.ts";
import type { Backend, BackendGroup, ParameterArrays, Run, Stages } from "../backend.ts";
import { Halves } from "../halves.ts";
import { createHeap } from "../heap.ts";
import { StagedStep, type TileStages } from "../pipeline.ts";
import { StageMemory } from "../stage-memory.ts";
import type { RuleKernels, StageKernels, StepKernel, WasmKernels } from "./kernels.ts";
import { Window, type WindowedParameter } from "./window.ts";

/**
 * How much of each array is copied in and out at a time, in bytes: enough that the calls do not show, and no more of all
 * arrays than a second-level cache holds. From a quarter to four times this it makes little difference.
 */
const defaultWindowBytes = 131072;

interface WindowedGroup extends BackendGroup {
  readonly kernels: RuleKernels;
  readonly parameters: readonly WindowedParameter[];
}

/** The rule alone. */
function stepPlainly(window: Window, { kernels, type, parameters }: WindowedGroup, run: Run): void {
  const { variant, coefficients, selection } = run;
  window.writeCoefficients(coefficients, type);
  const kernel = kernels.steps[type][variant] as StepKernel;
  const usedSlots = kernels.usedSlots[variant] as number;
  const count = selection ? selection.length : parameters.length;
  for (let i = 0; i < count; i++) {
    const parameter = parameters[selection ? (selection[i] as number) : i] as WindowedParameter;
    window.step(parameter, type, kernel, usedSlots);
  }
}

/** The stages over the window, one tile of it at a time. */
function createTiles(window: Window, kernels: Readonly<Record<NumberType, StageKernels>>): TileStages {
  let stages = kernels.float32;
  let type: NumberType = "float32";
  let count = 0;
  return {
    enter(parameter: ParameterArrays, ofType, begin, end) {
      type = ofType;
      stages = kernels[type];
      count = end - begin;
      window.enter(parameter as WindowedParameter, type, begin);
    },
    leave() {}, // the window does when it moves on
    rule(group, variant, coefficients, grad, to) {
      const { steps, usedSlots } = (group as WindowedGroup).kernels;
      window.writeCoefficients(coefficients, type);
      window.writeStreams(grad, to, usedSlots[variant] as number);
      (steps[type][variant] as StepKernel)(window.streams, 0, count, window.coefficients);
    },
    sumOfSquares: (x) => stages.sumOfSquares(window.read(x), count),
    countNonFinite: (x) => stages.countNonFinite(window.read(x), count),
    countAbove: (x, scale, limit) => stages.countAbove(window.read(x), count, scale, limit),
    accumulate(to, scale) {
      stages.accumulate(window.write(to), window.read("accumulated"), window.read("grad"), count, scale);
    },
    clip(to, from, scale, limit) {
      stages.clip(window.write(to), window.read(from), count, scale, limit);
    },
    store() {
      stages.store(window.write("param"), window.read("param"), window.read("paramScratch"), count, window.change);
      return window.readChange();
    },
    averageIn(decay, oneMinusDecay) {
      stages.average(window.write("average"), window.read("param"), count, decay, oneMinusDecay);
    },
    zero(x) {
      if (x === "grad" && window.zeroGradient(count)) return;
      stages.fill(window.write(x), count, 0);
    },
  };
}

export interface WasmSettings {
  /** How much of each array is copied in and out at a time, in bytes: a power of two, from 8,192. Default 131,072. */
  windowBytes?: number;
}

/**
 * The kernels in WebAssembly as a backend. What they step is copied through a memory of their own, so that arrays may lie
 * anywhere and none is detached. It takes the rest of that memory for itself: kernels serve one backend.
 */
export function createWasm(kernels: WasmKernels, { windowBytes = defaultWindowBytes }: WasmSettings = {}): Backend {
  const window = new Window(kernels, windowBytes);
  const tileStages = createTiles(window, kernels.stages);
  const windowed = (group: BackendGroup): WindowedGroup => ({
    ...group,
    kernels: kernels.rules.get(group.rule.name) as RuleKernels,
    parameters: group.parameters.map((arrays) => ({ ...arrays, length: lengthOf(arrays.data), lastViews: [] })),
  });
  return {
    name: "wasm",
    isa: "wasm",
    threads: 1,
    setThreads() {},
    ...createHeap(),

    bind(first, _runCapacity, staged = false) {
      const memory = staged ? StageMemory.create(first) : undefined;
      if (staged && !memory) return undefined;
      let groups = first.map(windowed);
      const halves = new Halves();
      const step = (runs: readonly Run[], stages?: Stages) => {
        window.forget();
        if (stages) new StagedStep(groups, runs, stages, tileStages, memory as StageMemory).take();
        else
          for (let r = 0; r < runs.length; r++)
            stepPlainly(window, groups[runs[r]?.group as number] as WindowedGroup, runs[r] as Run);
        window.flush();
      };
      return {
        rebind(others) {
          if (memory && !memory.holds(others)) return false;
          groups = others.map(windowed);
          return true;
        },
        step,
        async stepAsync(runs, _kept, _buffers, stages) {
          step(runs, stages);
        },
        async measureAsync(step, _kept, _buffers, table) {
          window.forget();
          halves.measure(groups, step, tileStages, table);
        },
        decide(step, before) {
          halves.decide(groups, step, tileStages, before);
        },
        async changeAsync(step, _kept, _buffers, after) {
          window.forget();
          halves.change(groups, step, tileStages, after);
          window.flush();
        },
        finishReport(step, after) {
          halves.report(groups, step, tileStages, after);
        },
      };
    },
  };
}
