import { bufferOf, byteOffsetOf, bytesPerElement, copyInto, type FloatArray, type NumberType } from "../typed-array.ts";
import type { ParameterArrays } from "./backend.ts";
import { type Stream, tileSize } from "./pipeline.ts";

/** native/backend.hpp's limits. */
const maxSlots = 4;
const maxCoefficients = 24;

/** Each of a parameter's arrays has a place in the kernels' memory, the slots after the others; then come scratch tiles. */
const firstSlot = 4;
const placeCount = firstSlot + maxSlots;
const scratchCount = 2;
const placeOf: Readonly<Record<Stream, number>> = {
  ...{ param: 0, grad: 1, average: 2, accumulated: 3 },
  ...{ gradScratch: placeCount, paramScratch: placeCount + 1 },
};

const pageBytes = 65536;
const lineBytes = 64;

/** Constructors as they were when this module loaded. */
const arrayTypes = { float32: Float32Array, float64: Float64Array } as const;

/** A parameter's arrays as they are stepped. */
export interface WindowedParameter extends ParameterArrays {
  readonly length: number;
  /** Views of the places as long as the parameter's last window, made when they are first needed. */
  readonly lastViews: (FloatArray | undefined)[];
}

/** Where things lie in the kernels' memory, for one number type. */
interface Layout {
  readonly coefficients: FloatArray;
  /** Addresses of the places. */
  readonly addresses: readonly number[];
  /** Views of the places of whole windows. */
  readonly views: readonly FloatArray[];
}

/**
 * The part of the kernels' memory that is the backend's own: some tiles of one parameter at a time, each of its arrays
 * copied in when it is first read and copied out, if it was written, when the window moves on.
 */
export class Window {
  /** How many elements it holds. */
  readonly capacity: number;
  /** Addresses of native/backend.hpp's Streams, of the coefficients, and of its Change. */
  readonly streams: number;
  readonly coefficients: number;
  readonly change: number;
  readonly #words: Uint32Array;
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

  constructor(memory: WebAssembly.Memory, tiles: number) {
    this.capacity = tiles * tileSize;
    // A line between the places, so that they do not all fall into the same sets of a cache.
    const strideOf = (type: NumberType, elements: number) => elements * bytesPerElement[type] + lineBytes;
    const headerBytes = 2 * lineBytes + maxCoefficients * bytesPerElement.float64;
    const bytes =
      headerBytes + placeCount * strideOf("float64", this.capacity) + scratchCount * strideOf("float64", tileSize);
    this.streams = memory.grow(Math.ceil(bytes / pageBytes)) * pageBytes;
    const { buffer } = memory; // the one there is from now on: it does not grow again
    this.change = this.streams + lineBytes;
    this.coefficients = this.change + lineBytes;
    this.#words = new Uint32Array(buffer, this.streams, 3 + maxSlots);
    this.#change = new Float64Array(buffer, this.change, 2);
    const places = this.streams + headerBytes;
    const layoutOf = (type: NumberType): Layout => {
      const addresses = Array.from(
        { length: placeCount },
        (_, place) => places + place * strideOf(type, this.capacity),
      );
      const scratch = places + placeCount * strideOf(type, this.capacity);
      return {
        coefficients: new arrayTypes[type](buffer, this.coefficients, maxCoefficients),
        addresses: [...addresses, scratch, scratch + strideOf(type, tileSize)],
        views: addresses.map((address) => new arrayTypes[type](buffer, address, this.capacity)),
      };
    };
    this.#layouts = { float32: layoutOf("float32"), float64: layoutOf("float64") };
    this.#layout = this.#layouts.float32;
  }

  /** Goes to a parameter's elements from `begin` on. */
  enter(parameter: WindowedParameter, type: NumberType, begin: number): void {
    const inside = begin % this.capacity;
    if (parameter !== this.#parameter || begin - inside !== this.#begin) {
      this.flush();
      this.#parameter = parameter;
      this.#type = type;
      this.#layout = this.#layouts[type];
      this.#begin = begin - inside;
      this.#length = Math.min(this.capacity, parameter.length - this.#begin);
    }
    this.#offset = inside * bytesPerElement[type];
  }

  /** How many elements the window holds. */
  get length(): number {
    return this.#length;
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
    for (let slot = 0; slot < maxSlots; slot++) {
      words[3 + slot] = usedSlots & (1 << slot) ? this.#at(firstSlot + slot, true) : 0;
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

  /** Copies out what was written, and forgets the rest. */
  flush(): void {
    for (let place = 0; place < placeCount; place++) if (this.#written & (1 << place)) this.#copyOut(place);
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
    const { data } = this.#parameter as WindowedParameter;
    copyInto(this.#layout.views[place] as FloatArray, this.#part(place === 0 ? data : this.#arrayOf(place)));
    this.#present |= 1 << place;
  }

  #copyOut(place: number): void {
    const { out, lastViews } = this.#parameter as WindowedParameter;
    let view = this.#layout.views[place] as FloatArray;
    if (this.#length < this.capacity) {
      lastViews[place] ??= new arrayTypes[this.#type](view.buffer as ArrayBuffer, view.byteOffset, this.#length);
      view = lastViews[place] as FloatArray;
    }
    copyInto(this.#part(place === 0 ? out : this.#arrayOf(place)), view);
  }

  #arrayOf(place: number): FloatArray {
    const { grad, average, accumulated, slots } = this.#parameter as WindowedParameter;
    if (place >= firstSlot) return slots[place - firstSlot] as FloatArray;
    return (place === 1 ? grad : place === 2 ? average : accumulated) as FloatArray;
  }

  /** The window's part of an array. */
  #part(array: FloatArray): FloatArray {
    const { length } = this.#parameter as WindowedParameter;
    if (this.#length === length) return array;
    const offset = byteOffsetOf(array) + this.#begin * bytesPerElement[this.#type];
    return new arrayTypes[this.#type](bufferOf(array) as ArrayBuffer, offset, this.#length);
  }
}
