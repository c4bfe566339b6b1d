import { OptimError } from "../errors.ts";
import { bytesPerElement, type Storage } from "../numbers/storage.ts";
import {
  bufferOf,
  byteLengthOf,
  byteOffsetOf,
  canResize,
  type FloatArray,
  isShared,
  lengthOf,
} from "../numbers/typed-array.ts";
import { type Memory, memoryOf } from "./memory.ts";

const Bytes = Uint8Array;

/** The longest typed array that every runtime allows, in elements; Node 20 refuses 2^32. */
const maxBytes = 2 ** 32 - 1;

interface Watched {
  readonly buffer: ArrayBufferLike;
  /**
   * A view of the whole buffer. Reading an element of it runs no code that a program could replace. Undefined where the
   * buffer is longer than some runtimes let a typed array be.
   */
  readonly bytes: Uint8Array | undefined;
  readonly shared: boolean;
  /** Whether it cannot be resized. It may still be detached, but not while arrays are being watched. */
  readonly fixed: boolean;
  readonly memory: Memory | undefined;
  /**
   * The bytes that the buffer needs for its arrays to be whole; of a buffer that cannot be resized, for the first of
   * them.
   */
  needed: number;
  /** The first of the arrays, for an error. */
  readonly kind: string;
  readonly name: string;
}

/** Tells whether arrays still have their memory, by one look at each distinct buffer, however many arrays it holds. */
export class Liveness {
  readonly #watched: Watched[] = [];
  readonly #byBuffer = new Map<ArrayBufferLike, Watched>();

  /**
   * @param storage The storage of the array.
   * @param kind The array's name in errors: "data", "gradient", "out" or a slot.
   * @param name The parameter's name.
   * @param buffer The array's buffer, from a caller that knows it.
   * @throws OptimError ERR_DETACHED where the array is not whole now, when its offset would say nothing.
   */
  watch(
    array: FloatArray,
    length: number,
    storage: Storage,
    kind: string,
    name: string,
    buffer: ArrayBufferLike = bufferOf(array),
  ): void {
    if (length === 0) return;
    const watched = this.#byBuffer.get(buffer);
    // Where one array of a buffer that cannot be resized is whole, so are the others.
    if (watched?.fixed) return;
    const found = lengthOf(array);
    if (found !== length) throw detached(`${kind} of '${name}'`, `${length} elements`, found);
    const end = byteOffsetOf(array) + length * bytesPerElement[storage];
    if (watched) {
      if (end > watched.needed) watched.needed = end;
      return;
    }
    const shared = isShared(buffer);
    const bytes = byteLengthOf(buffer, shared) < maxBytes ? new Bytes(buffer) : undefined;
    const fixed = !canResize(buffer, shared);
    const entry = { buffer, bytes, shared, fixed, memory: memoryOf(buffer), needed: end, kind, name };
    this.#watched.push(entry);
    this.#byBuffer.set(buffer, entry);
  }

  /**
   * Runs no user code, so that what it finds holds until the caller gives control away.
   * @throws OptimError ERR_DETACHED where an array was detached, transferred, shrunk or disposed since it was watched,
   * ERR_STEP_IN_FLIGHT where a team's workers are at work in it.
   */
  check(): void {
    for (let i = 0; i < this.#watched.length; i++) {
      const watched = this.#watched[i] as Watched;
      // A lost element reads as undefined, which costs a third of asking the buffer for its length.
      const { bytes, needed } = watched;
      const there = bytes ? bytes[needed - 1] !== undefined : byteLengthOf(watched.buffer, watched.shared) >= needed;
      if (!there || watched.memory?.barred) throw taken(watched);
    }
  }

  /**
   * The memory of this package that a step off the event loop has to hold.
   * @throws OptimError ERR_ASYNC_MEMORY where an array's memory can be taken away meanwhile.
   */
  held(): Memory[] {
    const held: Memory[] = [];
    for (const { shared, memory, kind, name } of this.#watched) {
      if (shared && freesUnderWork()) throw sharedOnDeno(kind, name);
      if (memory) held.push(memory);
      else if (!shared) throw asyncMemory(kind, name, "it is an ordinary ArrayBuffer");
    }
    return held;
  }

  /** The buffers of this package that are not shared, each once. */
  heldBuffers(): ArrayBufferLike[] {
    return this.#watched.filter(({ shared, memory }) => memory && !shared).map(({ buffer }) => buffer);
  }
}

/** The check of a step's memory before the step begins. */
export type MemoryCheck = (liveness: Liveness) => void;

export const checkLive: MemoryCheck = (liveness) => liveness.check();

/** Checks too that none of it can be taken away while a step works off the event loop. */
export const checkHeld: MemoryCheck = (liveness) => {
  liveness.check();
  liveness.held();
};

function taken({ buffer, shared, memory, needed, kind, name }: Watched): OptimError {
  if (memory?.inRound && !memory.disposed) {
    return new OptimError(
      "ERR_STEP_IN_FLIGHT",
      `Expected the round of a team to be done, but its workers are writing the ${kind} of '${name}': ` +
        "await what backward() returned.",
    );
  }
  const found = memory?.disposed ? 0 : byteLengthOf(buffer, shared);
  return detached(`memory of the ${kind} of '${name}'`, `${needed} bytes`, found);
}

function detached(what: string, needed: string, found: number): OptimError {
  return new OptimError(
    "ERR_DETACHED",
    `Expected the ${what} to have ${needed} as before, but it has ${found}: ` +
      "it was disposed, detached, transferred or shrunk.",
  );
}

/**
 * Whether this runtime frees JavaScript's memory, shared memory among it, when a thread or the program ends, although work
 * off its event loop goes on. Node and Bun wait for that work.
 */
const freesUnderWork = () => "Deno" in globalThis;

function sharedOnDeno(kind: string, name: string): OptimError {
  return new OptimError(
    "ERR_ASYNC_MEMORY",
    `Expected the ${kind} of '${name}' to be in memory of allocate(), without 'shared', but it is shared: ` +
      "Deno frees shared memory while stepAsync() works in it, where a thread or the program ends. step() takes it.",
  );
}

/** @param found The reason why it can be taken away. */
export function asyncMemory(kind: string, name: string, found: string): OptimError {
  return new OptimError(
    "ERR_ASYNC_MEMORY",
    `Expected the ${kind} of '${name}' to be in memory that stays while stepAsync() works, of allocate() or shared, ` +
      `but ${found}, which can be detached.`,
  );
}
