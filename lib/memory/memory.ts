import type { Backend } from "../backends/backend.ts";
import { OptimError } from "../errors.ts";
import { isEngineError, told } from "../host.ts";
import { isShared } from "../numbers/typed-array.ts";

/** The alignment of memory, in bytes: a cache line, and the widest vector. */
export const alignment = 64;

/** A buffer from an offset on. */
export interface Place {
  readonly buffer: ArrayBufferLike;
  readonly byteOffset: number;
}

/** A buffer's record, where this package allocated it. */
export interface Memory {
  /** Whether `dispose` gave it up. For a shared buffer only this tells, because it cannot be detached. */
  disposed: boolean;
  /** The number of asynchronous steps at work in it. */
  inFlight: number;
  /** Whether a team's workers are at work in it. */
  inRound?: boolean;
  /** Whether steps may not touch it, for one of these reasons: what a step looks at. */
  barred?: boolean;
}

/** Records by buffer, in one place for all copies of the package in this realm. */
const key = Symbol.for("rmsprop.memory.1");

const realm = globalThis as { [key]?: WeakMap<ArrayBufferLike, Memory> };

realm[key] ??= new WeakMap();

const known = realm[key];

/** The record of a buffer; undefined where something else allocated it. */
export const memoryOf = (buffer: ArrayBufferLike): Memory | undefined => known.get(buffer);

/**
 * Allocates zeroed memory, aligned to 64 bytes.
 * @param shared Asks for a SharedArrayBuffer; a runtime that forbids other memory of this package gets one anyway.
 * @param inner Whether no program sees it until `exposeMemory`.
 * @returns undefined where there is not enough memory.
 */
export function allocateMemory(
  backend: Backend,
  byteLength: number,
  shared: boolean,
  inner: boolean,
): Place | undefined {
  // Systems promise pages that they do not have, and end the process that touches one too many.
  if (byteLength > 2 ** 26 && byteLength > availableMemory()) return undefined;
  const buffer = shared ? "forbidden" : backend.allocate(byteLength, inner);
  const place = buffer === "forbidden" ? allocateShared(backend, byteLength) : buffer && { buffer, byteOffset: 0 };
  if (place) known.set(place.buffer, { disposed: false, inFlight: 0, inRound: false, barred: false });
  return place;
}

/** The memory that is available, in bytes, as far as the host tells. */
const availableMemory = () => told(() => globalThis.process?.availableMemory?.()) ?? Number.POSITIVE_INFINITY;

/** A shared buffer is aligned to 16 bytes only, so it is made longer, and the memory begins at an offset. */
function allocateShared(backend: Backend, byteLength: number): Place | undefined {
  try {
    const buffer = new SharedArrayBuffer(byteLength + alignment);
    const before = backend.address(new Float32Array(buffer, 0, 1)) % alignment;
    return { buffer, byteOffset: (alignment - before) % alignment };
  } catch (error) {
    if (!isEngineError(error, "RangeError")) throw error;
    return undefined;
  }
}

/**
 * Refuses memory in which an asynchronous step is at work.
 * @throws OptimError ERR_STEP_IN_FLIGHT.
 */
export function checkIdle(buffer: ArrayBufferLike): void {
  if ((memoryOf(buffer)?.inFlight ?? 0) > 0) {
    throw new OptimError(
      "ERR_STEP_IN_FLIGHT",
      "Expected no step to be at work in this memory, but a stepAsync() is: await what it returned.",
    );
  }
}

/** Notes whether a team's workers are at work in memory. */
export function setRound(buffers: Iterable<ArrayBufferLike>, isAtWork: boolean): void {
  for (const buffer of buffers) {
    const memory = memoryOf(buffer);
    if (!memory) continue;
    memory.inRound = isAtWork;
    memory.barred = isAtWork || memory.disposed;
  }
}

/** Tells the backend that a program gets to see this memory. */
export function exposeMemory(backend: Backend, buffer: ArrayBufferLike): void {
  if (!isShared(buffer)) backend.expose(buffer);
}

/** Gives memory back, once. Its arrays have length 0 afterwards, unless they are shared. */
export function releaseMemory(backend: Backend, buffer: ArrayBufferLike): void {
  const memory = memoryOf(buffer);
  if (!memory || memory.disposed) return;
  memory.disposed = true;
  memory.barred = true;
  if (!isShared(buffer)) backend.release(buffer);
}
