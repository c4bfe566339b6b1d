/** native/backend.hpp's limits. The binary says its own, and they are compared when it loads (native.ts). */

/** The unit of work, in elements: tiles begin at its multiples, on every backend. */
export const tileSize = 1024;

/** The most slots that a rule may have. */
export const maxSlots = 4;

/** The most coefficients that a rule may have. */
export const maxCoefficients = 24;

/** The most parts that a gradient may be the sum of. */
export const maxParts = 64;

/** The most sums of a tree of parts that are held at a time. */
export const maxSums = 7;
