import { OptimError } from "../../errors.ts";
import { type FloatArray, lengthOf } from "../../numbers/typed-array.ts";
import { type AnyRule, signatureOf } from "../../rules/rule.ts";
import type { Backend, BackendGroup, ParameterArrays, Report, Run, RunStages, Stages } from "../backend.ts";
import type { Layout } from "../layout.ts";
import { maxCoefficients, maxParts, maxSlots, tileSize } from "../limits.ts";
import { loadBinary } from "../load.ts";
import { checkSignatures } from "../signatures.ts";
import { isFactors, isMade } from "../source.ts";
import { callsSignature, type NativeBinding, type NativeGroup, type NativeSource, stagesSignature } from "./binding.ts";

/** Begins a step, and tells of a lack of memory as the library does. */
function beginning<T>(begin: () => T): T {
  try {
    return begin();
  } catch (error) {
    const { code, message } = error as Partial<NodeJS.ErrnoException>;
    throw code === "ERR_MEMORY" ? new OptimError(code, message as string) : error;
  }
}

const reportAt = 6;

const runStagesAt = 12;

const runStagesStride = 9;

/** Writes stages in the order of their signature. Like `command`, it calls nothing that can have been replaced. */
function writeStages(numbers: Float64Array, runs: readonly Run[], stages: Stages): void {
  const { measures } = stages;
  numbers[0] = stages.skipNonFinite ? 1 : 0;
  numbers[1] = stages.clipGlobalNorm;
  numbers[2] = measures.gradNorm ? 1 : 0;
  numbers[3] = measures.nonFinite ? 1 : 0;
  numbers[4] = measures.clipped ? 1 : 0;
  numbers[5] = measures.update ? 1 : 0;
  for (let r = 0; r < runs.length; r++) {
    const run = (runs[r] as Run).stages as RunStages;
    const at = runStagesAt + r * runStagesStride;
    numbers[at] = run.accumulates ? 1 : 0;
    numbers[at + 1] = run.applies ? 1 : 0;
    numbers[at + 2] = run.scale;
    numbers[at + 3] = run.clipValue;
    numbers[at + 4] = run.clipNorm;
    numbers[at + 5] = run.averages ? 1 : 0;
    numbers[at + 6] = run.decay;
    numbers[at + 7] = run.oneMinusDecay;
    numbers[at + 8] = run.zeroes ? 1 : 0;
  }
}

function readReport(numbers: Float64Array, report: Report): void {
  report.skipped = numbers[reportAt] === 1;
  report.gradNorm = numbers[reportAt + 1] as number;
  report.nonFinite = numbers[reportAt + 2] as number;
  report.clipped = numbers[reportAt + 3] as number;
  report.updateNorm = numbers[reportAt + 4] as number;
  report.largestUpdate = numbers[reportAt + 5] as number;
}

const named = (numbers: object) => Object.entries(numbers).map(([name, number]) => `${name} ${number}`);

/**
 * Checks that a binary holds these rules and speaks as this version does.
 * @throws StaleError with what differs.
 */
export function checkBinding(binding: NativeBinding, rules: readonly AnyRule[]): void {
  const { signatures = [], stages, calls, limits = {} } = binding.describe();
  const compiled = { name: "binary", made: "npx rmsprop build; in a checkout npm run build:native" };
  checkSignatures("rules", rules.map(signatureOf), signatures, compiled);
  checkSignatures("stages", [stagesSignature], [stages], compiled);
  checkSignatures("calls", [callsSignature], [calls], compiled);
  checkSignatures("limits", named({ tileSize, maxSlots, maxCoefficients, maxParts }), named(limits), compiled);
}

/**
 * Loads the binary and checks that it holds these rules.
 * @throws Error with the reason why there is none to run.
 */
export function loadBinding(rules: readonly AnyRule[]): NativeBinding {
  const binding = loadBinary();
  if (typeof binding?.describe !== "function") throw new Error("the binary is of another library");
  checkBinding(binding, rules);
  return binding;
}

export interface NativeSettings {
  /** The instruction set, one of those that the machine runs. Default: the best. */
  isa?: string;
  /** Work worth one more thread, in elements. Default: share.hpp's. */
  elementsPerThread?: number;
  /** Bytes of a step from which on its arrays count as lying in memory, beyond caches. Default: tiles.hpp's. */
  memoryFrom?: number | undefined;
}

/** What makes a parameter's gradient, as the binding takes it; null where it is an array, or has no element. */
function nativeSource({ data, source }: ParameterArrays): NativeSource | null {
  if (!isMade(source) || lengthOf(data) === 0) return null;
  const { parts, divisor } = source;
  return { parts: parts.map((part) => (isFactors(part) ? part : part.array)), divisor };
}

/** A group as the binding takes it. */
function nativeGroup({ rule, type, parameters }: BackendGroup, staged: boolean): NativeGroup {
  const indices = rule.slots.map((_, slot) => slot);
  const used = indices.filter((slot) => parameters.some(({ slots }) => slots[slot] !== null));
  // As long as it will be from the start: a list that grows is copied again and again, which a new process is slow at.
  const arrays = new Array<FloatArray | null>(parameters.length * (3 + used.length + (staged ? 2 : 0)));
  let at = 0;
  let made = false;
  parameters.forEach(({ data, out, source, slots, average, accumulated }) => {
    arrays[at++] = data;
    arrays[at++] = out;
    arrays[at++] = isMade(source) ? null : source.array;
    made ||= isMade(source);
    for (let i = 0; i < used.length; i++) arrays[at++] = slots[used[i] as number]?.array ?? null;
    if (!staged) return;
    arrays[at++] = average?.array ?? null;
    arrays[at++] = accumulated?.array ?? null;
  });
  return { rule: rule.name, type, slots: used, arrays, sources: made ? parameters.map(nativeSource) : null };
}

const knownWords = new WeakMap<Layout, Uint32Array>();

/** A layout as the binding takes it. */
function wordsOf(layout: Layout): Uint32Array {
  const known = knownWords.get(layout);
  if (known) return known;
  const { tiles, wholes, pieces } = layout;
  const words = [tiles, wholes.length, pieces.length];
  for (const { run, place, tiles } of wholes) words.push(run, place, tiles);
  for (const { whole, place } of pieces) words.push(whole, place);
  const made = Uint32Array.from(words);
  knownWords.set(layout, made);
  return made;
}

/** The native add-on as a backend. All instances share one thread pool. */
export function createNative(binding: NativeBinding, settings: NativeSettings = {}): Backend {
  const { isas, stride, runHeader } = binding.describe();
  const isaIndex = settings.isa === undefined ? 0 : isas.indexOf(settings.isa);
  if (isaIndex < 0) {
    throw new RangeError(`Expected an instruction set of this machine (${isas.join(", ")}), found ${settings.isa}.`);
  }
  return {
    name: "native",
    isa: isas[isaIndex] as string,
    get threads() {
      return binding.threads();
    },
    setThreads: binding.setThreads,
    address: binding.address,

    allocate(byteLength, inner = false) {
      const buffer = binding.allocate(byteLength, inner);
      return buffer === undefined ? "forbidden" : (buffer ?? undefined);
    },

    release: binding.detach,
    expose: binding.expose,
    ranks: binding.ranks,

    bind(groups, runCapacity, staged = false) {
      const nativeGroups = (all: readonly BackendGroup[]) => all.map((group) => nativeGroup(group, staged));
      const { elementsPerThread, memoryFrom } = settings;
      const given = nativeGroups(groups);
      const bound = binding.bind(isaIndex, given, runCapacity, staged, elementsPerThread, memoryFrom);
      if (!bound) return undefined;
      const { commands, selection } = bound;
      // The coefficients that the commands of each run hold. Full from the start: no element is ever looked for elsewhere.
      const held: (readonly number[])[] = Array.from({ length: runCapacity }, () => []);
      // Calls nothing that a program could have put something else in the place of, as even the length of a typed array is:
      // what the step works on has been checked.
      const command = (runs: readonly Run[]) => {
        let selected = 0;
        commands[0] = runs.length;
        for (let r = 0; r < runs.length; r++) {
          const run = runs[r] as Run;
          const at = 1 + r * stride;
          commands[at] = run.group;
          commands[at + 1] = run.variant;
          commands[at + 2] = selected;
          const { selection: indices, coefficients } = run;
          commands[at + 3] = indices ? indices.length : -1;
          if (indices) for (let i = 0; i < indices.length; i++) selection[selected++] = indices[i] as number;
          if (held[r] === coefficients) continue;
          held[r] = coefficients;
          for (let i = 0; i < coefficients.length; i++) commands[at + runHeader + i] = coefficients[i] as number;
        }
      };
      /** Tells of a staged step all that it does. Returns where its report is written. */
      const stagedCommand = (runs: readonly Run[], stages: Stages): Float64Array => {
        const numbers = bound.stages as Float64Array;
        command(runs);
        writeStages(numbers, runs, stages);
        return numbers;
      };
      return {
        rebind(others, capacity) {
          return bound.rebind(nativeGroups(others), capacity);
        },
        step(runs, stages, again) {
          if (again) {
            bound.stepAgain();
            return;
          }
          if (!stages) {
            command(runs);
            bound.step();
            return;
          }
          const numbers = stagedCommand(runs, stages);
          bound.stepStaged?.();
          readReport(numbers, stages.report);
        },
        stepAsync(runs, kept, buffers, stages) {
          if (!stages) {
            command(runs);
            return beginning(() => bound.stepAsync([bound, kept], buffers, false));
          }
          const numbers = stagedCommand(runs, stages);
          const step = beginning(() => bound.stepAsync([bound, kept], buffers, true));
          return step?.then(() => readReport(numbers, stages.report));
        },
        // Each call is told anew what the step does. Between them the report is nobody else's.
        measureAsync({ runs, stages, layout }, kept, buffers, table) {
          stagedCommand(runs, stages);
          return beginning(() => bound.measureAsync?.([bound, kept], buffers, wordsOf(layout), table));
        },
        decide({ runs, stages, layout }, before) {
          const numbers = stagedCommand(runs, stages);
          beginning(() => bound.decide?.(wordsOf(layout), before));
          readReport(numbers, stages.report);
        },
        changeAsync({ runs, stages, layout }, kept, buffers, after) {
          stagedCommand(runs, stages);
          return beginning(() => bound.changeAsync?.([bound, kept], buffers, wordsOf(layout), after));
        },
        finishReport({ runs, stages, layout }, after) {
          const numbers = stagedCommand(runs, stages);
          beginning(() => bound.report?.(wordsOf(layout), after));
          readReport(numbers, stages.report);
        },
      };
    },
  };
}

/**
 * Every kernel of the add-on, for whoever compares bits: a backend for each instruction set and for arrays in caches and
 * beyond them, on several threads whatever the size.
 */
export const everyNative = (binding: NativeBinding): Backend[] =>
  binding
    .describe()
    .isas.flatMap((isa) =>
      [undefined, 0].map((memoryFrom) => createNative(binding, { isa, elementsPerThread: 1, memoryFrom })),
    );
