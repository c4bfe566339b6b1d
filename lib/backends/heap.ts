import { isEngineError } from "../host.ts";
import { bufferOf, byteOffsetOf } from "../numbers/typed-array.ts";
import type { Backend } from "./backend.ts";

/** The memory of backends that have none of their own to give: the JavaScript heap's. */
export function createHeap(): Pick<Backend, "allocate" | "release" | "expose" | "address"> {
  // Buffers get addresses far apart, in the order in which they are first seen.
  const addresses = new WeakMap<ArrayBufferLike, number>();
  let nextAddress = 0;
  return {
    allocate(byteLength) {
      try {
        return new ArrayBuffer(byteLength);
      } catch (error) {
        if (!isEngineError(error, "RangeError")) throw error;
        return undefined;
      }
    },

    release(buffer) {
      structuredClone(buffer, { transfer: [buffer] });
    },

    expose() {},

    address(array) {
      const buffer = bufferOf(array);
      let address = addresses.get(buffer);
      if (address === undefined) {
        address = nextAddress;
        addresses.set(buffer, address);
        nextAddress += 2 ** 36;
      }
      return address + byteOffsetOf(array);
    },
  };
}
