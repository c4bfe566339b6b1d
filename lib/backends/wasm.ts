import {
  bufferOf,
  byteOffsetOf,
  bytesPerElement,
  copyInto,
  type FloatArray,
  lengthOf,
  type NumberType,
} from "../typed-array.ts";
import type { Backend, BackendGroup, Run } from "./backend.ts";
import { createHeap } from "./heap.ts";
import type { RuleKernels, StepKernel, WasmKernels } from "./wasm-kernels.ts";

/** native/backend.hpp's limits. */
const tileSize = 1024;
const maxSlots = 4;
const maxCoefficients = 24;

/** param, grad, slots. */
const maxStreams = 2 + maxSlots;

/**
 * How many tiles are copied in, stepped and copied out at a time: enough that the calls do not show, and no more than a
 * second-level cache holds. From 4 to 64 it makes no great difference.
 */
const defaultTiles = 8;

const pageBytes = 65536;
const lineBytes = 64;

/** Constructors as they were when this module loaded. */
const arrayTypes = { float32: Float32Array, float64: Float64Array } as const;

/** A view of an array's elements from `begin`, of this realm. */
function viewOf(array: FloatArray, type: NumberType, begin: number, length: number): FloatArray {
  return new arrayTypes[type](
    bufferOf(array) as ArrayBuffer,
    byteOffsetOf(array) + begin * bytesPerElement[type],
    length,
  );
}

/** Where the kernels find the streams of a piece, and the coefficients of a run. */
interface Desk {
  /** Addresses of native/backend.hpp's Streams, and of the coefficients. */
  readonly streams: number;
  readonly coefficients: number;
  readonly coefficientValues: FloatArray;
  /** Views of param, grad and each slot, of the first `length` elements of their places. */
  places(length: number): readonly FloatArray[];
}

/** As many elements of a parameter as are stepped at a time, with their places. */
interface Piece {
  readonly data: FloatArray;
  readonly out: FloatArray;
  readonly grad: FloatArray;
  readonly slots: readonly (FloatArray | null)[];
  readonly places: readonly FloatArray[];
  readonly length: number;
}

interface BoundGroup {
  readonly desk: Desk;
  readonly steps: readonly (StepKernel | undefined)[];
  readonly usedSlots: readonly number[];
  readonly coefficientCount: number;
  /** The pieces of each parameter. */
  readonly parameters: readonly (readonly Piece[])[];
}

/** Calls nothing that a program could have put something else in the place of: what it works on has been checked. */
function stepPiece({ streams, coefficients }: Desk, kernel: StepKernel, used: number, piece: Piece): void {
  const { data, out, grad, slots, places, length } = piece;
  const param = places[0] as FloatArray;
  copyInto(param, data);
  copyInto(places[1] as FloatArray, grad);
  for (let s = 0; s < slots.length; s++) {
    if (used & (1 << s)) copyInto(places[2 + s] as FloatArray, slots[s] as FloatArray);
  }
  kernel(streams, 0, length, coefficients);
  copyInto(out, param);
  for (let s = 0; s < slots.length; s++) {
    if (used & (1 << s)) copyInto(slots[s] as FloatArray, places[2 + s] as FloatArray);
  }
}

/**
 * Lays out the part of the kernels' memory that the backend adds: for each number type its streams and coefficients, then
 * the places of the streams, which both types share.
 */
function makeDesks(memory: WebAssembly.Memory, capacity: number): Readonly<Record<NumberType, Desk>> {
  // A line between the places, so that they do not all fall into the same sets of a cache.
  const strideOf = (type: NumberType) => capacity * bytesPerElement[type] + lineBytes;
  const headerBytes = lineBytes + maxCoefficients * bytesPerElement.float64;
  const bytes = 2 * headerBytes + maxStreams * strideOf("float64");
  const start = memory.grow(Math.ceil(bytes / pageBytes)) * pageBytes;
  const { buffer } = memory; // the one there is from now on: it does not grow again

  const makeDesk = (type: NumberType, header: number): Desk => {
    const coefficients = header + lineBytes;
    const placeOf = (stream: number) => start + 2 * headerBytes + stream * strideOf(type);
    const param = placeOf(0);
    const addresses = [param, param, placeOf(1), ...Array.from({ length: maxSlots }, (_, s) => placeOf(2 + s))];
    new Uint32Array(buffer, header, addresses.length).set(addresses);
    const makePlaces = (length: number) =>
      Array.from({ length: maxStreams }, (_, stream) => new arrayTypes[type](buffer, placeOf(stream), length));
    const whole = makePlaces(capacity);
    return {
      streams: header,
      coefficients,
      coefficientValues: new arrayTypes[type](buffer, coefficients, maxCoefficients),
      places: (length) => (length === capacity ? whole : makePlaces(length)),
    };
  };
  return { float32: makeDesk("float32", start), float64: makeDesk("float64", start + headerBytes) };
}

/** A group's parameters in pieces. Those of one length share their places. */
function bindGroup(
  { rule, type, parameters }: BackendGroup,
  kernels: RuleKernels,
  desk: Desk,
  capacity: number,
): BoundGroup {
  const placesByLength = new Map<number, readonly FloatArray[]>();
  const placesOf = (length: number) => {
    const places = placesByLength.get(length) ?? desk.places(length);
    placesByLength.set(length, places);
    return places;
  };
  return {
    desk,
    steps: kernels.steps[type],
    usedSlots: kernels.usedSlots,
    coefficientCount: rule.coefficients.length,
    parameters: parameters.map(({ data, out, grad, slots }) => {
      const length = lengthOf(data);
      return Array.from({ length: Math.ceil(length / capacity) }, (_, i) => {
        const begin = i * capacity;
        const count = Math.min(capacity, length - begin);
        const part = (array: FloatArray) => (count === length ? array : viewOf(array, type, begin, count));
        const dataPart = part(data);
        return {
          data: dataPart,
          out: out === data ? dataPart : part(out),
          grad: part(grad),
          slots: slots.map((slot) => slot && part(slot)),
          places: placesOf(count),
          length: count,
        };
      });
    }),
  };
}

function stepRun({ desk, steps, usedSlots, coefficientCount, parameters }: BoundGroup, run: Run): void {
  const { variant, coefficients, selection } = run;
  for (let i = 0; i < coefficientCount; i++) desk.coefficientValues[i] = coefficients[i] as number;
  const kernel = steps[variant] as StepKernel;
  const used = usedSlots[variant] as number;
  const count = selection ? selection.length : parameters.length;
  for (let i = 0; i < count; i++) {
    const pieces = parameters[selection ? (selection[i] as number) : i] as readonly Piece[];
    for (let p = 0; p < pieces.length; p++) stepPiece(desk, kernel, used, pieces[p] as Piece);
  }
}

export interface WasmSettings {
  /** How many tiles are copied in, stepped and copied out at a time. Default 8. */
  tiles?: number;
}

/**
 * The kernels in WebAssembly as a backend. What they step is copied through a memory of their own, so that arrays may lie
 * anywhere and none is detached. All instances over the same kernels work in turn, on the thread that made them.
 */
export function createWasm(kernels: WasmKernels, { tiles = defaultTiles }: WasmSettings = {}): Backend {
  const capacity = tiles * tileSize;
  const desks = makeDesks(kernels.memory, capacity);
  const bindAll = (groups: readonly BackendGroup[]) =>
    groups.map((group) =>
      bindGroup(group, kernels.rules.get(group.rule.name) as RuleKernels, desks[group.type], capacity),
    );
  return {
    name: "wasm",
    isa: "wasm",
    threads: 1,
    setThreads() {},
    ...createHeap(),

    bind(first) {
      let groups = bindAll(first);
      const step = (runs: readonly Run[]) => {
        for (let r = 0; r < runs.length; r++) {
          const run = runs[r] as Run;
          stepRun(groups[run.group] as BoundGroup, run);
        }
      };
      return {
        rebind(others) {
          groups = bindAll(others);
          return true;
        },
        step,
        async stepAsync(runs) {
          step(runs);
        },
      };
    },
  };
}
