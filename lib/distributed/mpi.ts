import { currentBackend } from "../backends/current.ts";
import type { BackendRanks, RankParts } from "../backends/ranks.ts";
import { OptimError } from "../errors.ts";
import { allocateMemory, type Memory, memoryOf, releaseMemory } from "../memory/memory.ts";
import { bufferOf, byteOffsetOf, isShared } from "../numbers/typed-array.ts";
import type { Communicator, Parts } from "./communicator.ts";

/** By their numbers in native/ranks.hpp. */
const kinds = { exchange: 0, gather: 1, broadcast: 2, barrier: 3, duplicate: 4 } as const;

/** The most bytes of one broadcast; MPI counts them in 32 bits. The same on all ranks, wherever their arrays lie. */
const broadcastBytes = 2 ** 26;

/** Whether memory stays while MPI works on it: that of allocate(), or shared. Deno frees the latter when it ends. */
const stays = (buffer: ArrayBufferLike) =>
  isShared(buffer) ? !("Deno" in globalThis) : memoryOf(buffer) !== undefined;

/** The bytes of an array, in its own memory. */
const bytesOf = (array: ArrayBufferView): Uint8Array =>
  new Uint8Array(bufferOf(array), byteOffsetOf(array), array.byteLength);

/**
 * Bytes in memory that stays: `releaseMemory` gives them back.
 * @throws OptimError ERR_MEMORY.
 */
function heldBytes(length: number): Uint8Array {
  const place = allocateMemory(currentBackend(), Math.max(length, 1), false, true);
  if (!place) throw new OptimError("ERR_MEMORY", `Not enough memory for the ${length} bytes that ranks move.`);
  return new Uint8Array(place.buffer, place.byteOffset, length);
}

/** A communicator that can make another over the same ranks, whose collectives have an order of their own. */
export interface DuplicableCommunicator extends Communicator {
  duplicate(what: string): Promise<DuplicableCommunicator>;
}

/** A communicator of MPI's. */
export class MpiCommunicator implements DuplicableCommunicator {
  readonly rank: number;
  readonly size: number;
  readonly #ranks: BackendRanks;
  readonly #number: number;

  constructor(ranks: BackendRanks, { rank, size }: { rank: number; size: number }, number = 0) {
    this.#ranks = ranks;
    this.#number = number;
    this.rank = rank;
    this.size = size;
  }

  async exchange(what: string, from: Parts, into: Parts): Promise<void> {
    await this.#begin(kinds.exchange, what, from, into);
  }

  async gather(what: string, parts: Parts): Promise<void> {
    await this.#begin(kinds.gather, what, null, parts);
  }

  async broadcast(what: string, array: ArrayBufferView, root: number): Promise<void> {
    const bytes = bytesOf(array);
    const begun: Promise<number>[] = [];
    for (let at = 0; at < bytes.length; at += broadcastBytes) {
      const part = bytes.subarray(at, at + broadcastBytes);
      begun.push(this.#begin(kinds.broadcast, what, null, { array: part, offsets: [], counts: [] }, root));
    }
    await Promise.all(begun);
  }

  async barrier(what: string): Promise<void> {
    await this.#begin(kinds.barrier, what);
  }

  async duplicate(what: string): Promise<MpiCommunicator> {
    return new MpiCommunicator(this.#ranks, this, await this.#begin(kinds.duplicate, what));
  }

  /** Begins a collective at once, in the order of the calls. */
  async #begin(
    kind: number,
    what: string,
    givenFrom: Parts | null = null,
    givenInto: Parts | null = null,
    root = 0,
  ): Promise<number> {
    const from = givenFrom && new HeldParts(givenFrom);
    const into = givenInto && new HeldParts(givenInto);
    const held = [from, into].filter((parts) => parts !== null);
    const buffers = [...new Set(held.map(({ array }) => array.buffer))];
    const own = buffers.filter((buffer) => !isShared(buffer));
    const memories = buffers.map(memoryOf).filter((memory): memory is Memory => memory !== undefined);
    for (const memory of memories) memory.inFlight++;
    try {
      const begun = this.#ranks.collective(kind, this.#number, what, this.size, root, from, into, held, own);
      if (!begun) throw ofAnotherCopy();
      const made = await begun.catch((error: Error) => {
        throw new OptimError("ERR_RANKS", error.message);
      });
      into?.copyBack();
      return made;
    } finally {
      for (const memory of memories) memory.inFlight--;
      for (const parts of held) parts.release();
    }
  }
}

const ofAnotherCopy = () =>
  new OptimError(
    "ERR_ASYNC_MEMORY",
    "Expected arrays of allocate() of this copy of the package, or ordinary ones, but they are of another copy's.",
  );

/** Parts in memory that stays while MPI works on them: their own, or a copy. */
class HeldParts implements RankParts {
  readonly array: Uint8Array;
  readonly offsets: readonly number[];
  readonly counts: readonly number[];
  /** What the copy is of. */
  readonly #copied: Uint8Array | undefined;

  /** @throws OptimError ERR_MEMORY. */
  constructor({ array, offsets, counts }: Parts) {
    const bytes = bytesOf(array);
    this.offsets = offsets;
    this.counts = counts;
    if (stays(bytes.buffer)) {
      this.array = bytes;
      return;
    }
    this.array = heldBytes(bytes.length);
    this.array.set(bytes);
    this.#copied = bytes;
  }

  /** @throws OptimError ERR_DETACHED where what was copied has lost its memory. */
  copyBack(): void {
    const copied = this.#copied;
    if (!copied) return;
    if (copied.length !== this.array.length) {
      throw new OptimError("ERR_DETACHED", "Expected an array to have its memory until all ranks have theirs.");
    }
    copied.set(this.array);
  }

  release(): void {
    if (this.#copied) releaseMemory(currentBackend(), this.array.buffer);
  }
}

/** That of one rank, which has nobody to move anything to. */
export const loneCommunicator: DuplicableCommunicator = {
  rank: 0,
  size: 1,
  async exchange() {},
  async gather() {},
  async broadcast() {},
  async barrier() {},
  async duplicate() {
    return loneCommunicator;
  },
};
