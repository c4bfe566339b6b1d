import { bytesPerElement, type Storage, type StoredArray } from "../../numbers/storage.ts";
import { copyInto, type FloatArray, type NumberType } from "../../numbers/typed-array.ts";
import type { ParameterArrays } from "../backend.ts";
import { maxCoefficients, maxSlots, tileSize } from "../limits.ts";
import { zeroMade } from "../made-source.ts";
import type { Stream } from "../pipeline.ts";
import { type ArraySource, isMade } from "../source.ts";
import { GradientMaker } from "./gradients.ts";
import type { StepKernel, WasmKernels } from "./kernels.ts";
import { arrayTypes, viewFrom } from "./views.ts";

const { clz32, min } = Math;

const streamWords = 3 + maxSlots;

/** Each of a parameter's arrays has a place in the kernels' memory, the slots after the others; then come scratch tiles. */
const firstSlot = 4;

const gradPlace = 1;

const placeCount = firstSlot + maxSlots;

const scratchCount = 2;

const placeOf: Readonly<Record<Stream, number>> = {
  ...{ param: 0, grad: gradPlace, average: 2, accumulated: 3 },
  ...{ gradScratch: placeCount, paramScratch: placeCount + 1 },
};

const pageBytes = 65536;

const lineBytes = 64;

/** The place of the lowest bit that is set. */
const lowestBit = (bits: number) => 31 - clz32(bits & -bits);

/** A parameter's arrays as they are stepped. */
export interface WindowedParameter extends ParameterArrays {
  readonly length: number;
  /** Views of the places as long as the parameter's last window, where it is not whole; made when they are first needed. */
  readonly lastViews: (FloatArray | undefined)[];
}

/** `count` elements of an array of some length, from `begin` on. */
function partOf(array: FloatArray, storage: Storage, begin: number, count: number, length: number): FloatArray {
  if (count === length) return array;
  return viewFrom(array, storage, begin, count);
}

/** Where things lie in the kernels' memory, for one number type. */
interface Layout {
  /** How many elements a window has. */
  readonly capacity: number;
  /** The address of native/backend.hpp's Streams that are whole windows. */
  readonly streams: number;
  readonly coefficients: FloatArray;
  /** Addresses of the places. */
  readonly addresses: readonly number[];
  /** Views of the places of whole windows. */
  readonly views: readonly FloatArray[];
}

/** A view of a place, as long as a window of a parameter. */
function viewOf(layout: Layout, type: NumberType, parameter: WindowedParameter, place: number, length: number) {
  const view = layout.views[place] as FloatArray;
  if (length === layout.capacity) return view;
  const { lastViews } = parameter;
  lastViews[place] ??= partOf(view, type, 0, length, layout.capacity);
  return lastViews[place] as FloatArray;
}

/**
 * The part of the kernels' memory that is the backend's own: some tiles of one parameter at a time, each of its arrays
 * copied in when it is first read and copied out, if it was written, when the window moves on.
 */
export class Window {
  /** Addresses of native/backend.hpp's Streams of a tile, of the coefficients, and of its Change. */
  readonly streams: number;
  readonly coefficients: number;
  readonly change: number;
  readonly #words: Uint32Array;
  readonly #gradients: GradientMaker;
  readonly #change: Float64Array;
  readonly #layouts: Readonly<Record<NumberType, Layout>>;

  #parameter: WindowedParameter | undefined;
  #type: NumberType = "float32";
  #layout: Layout;
  #begin = 0;
  #length = 0;
  /** Bytes from the start of the window to the elements at work. */
  #offset = 0;
  /** The places that hold their arrays' elements, and those that were written, one bit each. */
  #present = 0;
  #written = 0;

  /** @param windowBytes The size of each array's place, a power of two. */
  constructor({ memory, stages }: WasmKernels, windowBytes: number) {
    // A line between the places, so that they do not all fall into the same sets of a cache.
    const stride = windowBytes + lineBytes;
    const scratchStride = tileSize * bytesPerElement.float64 + lineBytes;
    const headerBytes = 4 * lineBytes + maxCoefficients * bytesPerElement.float64;
    const ownBytes = headerBytes + placeCount * stride + scratchCount * scratchStride;
    const bytes = ownBytes + GradientMaker.bytes(windowBytes);
    const start = memory.grow(Math.ceil(bytes / pageBytes)) * pageBytes;
    const { buffer } = memory; // the one there is from now on: it does not grow again

    this.#gradients = new GradientMaker(buffer, start + ownBytes, windowBytes, stages);
    this.streams = start;
    this.change = start + lineBytes;
    this.coefficients = start + 4 * lineBytes;
    this.#words = new Uint32Array(buffer, this.streams, streamWords);
    this.#change = new Float64Array(buffer, this.change, 2);
    const places = Array.from({ length: placeCount }, (_, place) => start + headerBytes + place * stride);
    const scratch = start + headerBytes + placeCount * stride;
    const addresses = [...places, scratch, scratch + scratchStride];
    const [param, grad] = places as [number, number];
    const layoutOf = (type: NumberType, streams: number): Layout => {
      new Uint32Array(buffer, streams, streamWords).set([param, param, grad, ...places.slice(firstSlot)]);
      const capacity = windowBytes / bytesPerElement[type];
      const views = places.map((address) => new arrayTypes[type](buffer, address, capacity));
      const coefficients = new arrayTypes[type](buffer, this.coefficients, maxCoefficients);
      return { capacity, streams, coefficients, addresses, views };
    };
    this.#layouts = {
      float32: layoutOf("float32", start + 2 * lineBytes),
      float64: layoutOf("float64", start + 3 * lineBytes),
    };
    this.#layout = this.#layouts.float32;
  }

  /**
   * Applies a rule to a parameter, a window at a time. Calls nothing that a program could have put something else in the
   * place of.
   */
  step(parameter: WindowedParameter, type: NumberType, kernel: StepKernel, usedSlots: number): void {
    const layout = this.#layouts[type];
    const { capacity, streams, views } = layout;
    const { length, data, out, storage, source, slots } = parameter;
    for (let begin = 0; begin < length; begin += capacity) {
      const count = min(capacity, length - begin);
      copyInto(views[0] as FloatArray, partOf(data, storage, begin, count, length));
      const { array, storage: own } = source as ArraySource; // one that is made takes stages
      copyInto(views[1] as FloatArray, partOf(array, own, begin, count, length));
      for (let s = 0; s < slots.length; s++) {
        if ((usedSlots & (1 << s)) === 0) continue;
        const slot = slots[s] as StoredArray;
        copyInto(views[firstSlot + s] as FloatArray, partOf(slot.array, slot.storage, begin, count, length));
      }
      kernel(streams, 0, count, this.coefficients);
      copyInto(partOf(out, storage, begin, count, length), viewOf(layout, type, parameter, 0, count));
      for (let s = 0; s < slots.length; s++) {
        if ((usedSlots & (1 << s)) === 0) continue;
        const slot = slots[s] as StoredArray;
        const view = viewOf(layout, type, parameter, firstSlot + s, count);
        copyInto(partOf(slot.array, slot.storage, begin, count, length), view);
      }
    }
  }

  /** Goes to a parameter's elements from `begin` on. */
  enter(parameter: WindowedParameter, type: NumberType, begin: number): void {
    const { capacity } = this.#layouts[type];
    const inside = begin % capacity;
    if (parameter !== this.#parameter || begin - inside !== this.#begin) {
      this.flush();
      this.#parameter = parameter;
      this.#type = type;
      this.#layout = this.#layouts[type];
      this.#begin = begin - inside;
      this.#length = min(capacity, parameter.length - this.#begin);
    }
    this.#offset = inside * bytesPerElement[type];
  }

  /** The address of a stream's elements, which are there. */
  read(stream: Stream): number {
    return this.#at(placeOf[stream], false);
  }

  /** The same for a stream that is about to be written. */
  write(stream: Stream): number {
    return this.#at(placeOf[stream], true);
  }

  /** Writes native/backend.hpp's Streams, for a rule that uses these slots, one bit each. */
  writeStreams(grad: Stream, to: Stream, usedSlots: number): void {
    const words = this.#words;
    words[0] = this.read("param");
    words[1] = this.write(to);
    words[2] = this.read(grad);
    for (let rest = usedSlots; rest !== 0; rest &= rest - 1) {
      const slot = lowestBit(rest);
      words[3 + slot] = this.#at(firstSlot + slot, true);
    }
  }

  /** Writes the coefficients of a rule, rounded to the number type. */
  writeCoefficients(values: readonly number[], type: NumberType): void {
    const { coefficients } = this.#layouts[type];
    for (let i = 0; i < values.length; i++) coefficients[i] = values[i] as number;
  }

  /** What a stage wrote as native/backend.hpp's Change. */
  readChange(): { squares: number; largest: number } {
    return { squares: this.#change[0] as number, largest: this.#change[1] as number };
  }

  /** Sets the gradient's elements to zero, `count` of them from those at work on. */
  zeroGradient(count: number): boolean {
    const { source } = this.#parameter as WindowedParameter;
    if (!isMade(source)) return false;
    const begin = this.#begin + this.#offset / bytesPerElement[this.#type];
    zeroMade(source, begin, begin + count);
    return true;
  }

  /** Copies out what was written, and forgets the rest. */
  flush(): void {
    for (let rest = this.#written; rest !== 0; rest &= rest - 1) this.#copyOut(lowestBit(rest));
    this.forget();
  }

  /** Forgets what it holds, so that arrays that have changed are read again. */
  forget(): void {
    this.#parameter = undefined;
    this.#present = 0;
    this.#written = 0;
  }

  #at(place: number, written: boolean): number {
    const address = this.#layout.addresses[place] as number;
    if (place >= placeCount) return address;
    if (!(this.#present & (1 << place))) this.#copyIn(place);
    if (written) this.#written |= 1 << place;
    return address + this.#offset;
  }

  #copyIn(place: number): void {
    const { data, source } = this.#parameter as WindowedParameter;
    if (place === gradPlace && isMade(source)) {
      this.#gradients.make(this.#layout.addresses[place] as number, source, this.#type, this.#begin, this.#length);
      this.#present |= 1 << place;
      return;
    }
    copyInto(this.#layout.views[place] as FloatArray, this.#part(place, data));
    this.#present |= 1 << place;
  }

  #copyOut(place: number): void {
    const parameter = this.#parameter as WindowedParameter;
    const view = viewOf(this.#layout, this.#type, parameter, place, this.#length);
    copyInto(this.#part(place, parameter.out), view);
  }

  /** The array of a place other than the first. */
  #arrayOf(place: number): StoredArray {
    const { source, average, accumulated, slots } = this.#parameter as WindowedParameter;
    if (place >= firstSlot) return slots[place - firstSlot] as StoredArray;
    return (place === gradPlace ? source : place === 2 ? average : accumulated) as StoredArray;
  }

  /** The window's part of the array of a place; `param` is the first place's, which is read in one and written in another. */
  #part(place: number, param: FloatArray): FloatArray {
    const { length, storage } = this.#parameter as WindowedParameter;
    if (place === 0) return partOf(param, storage, this.#begin, this.#length, length);
    const { array, storage: own } = this.#arrayOf(place);
    return partOf(array, own, this.#begin, this.#length, length);
  }
}
