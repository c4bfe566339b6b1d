// The add-on that the package has loaded, for programs that look at its counters or take something away from it.
import { createRequire } from "node:module";
import "../../dist/index.js";

const require = createRequire(import.meta.url);

const file = Object.keys(require.cache).find((name) => name.endsWith(".node"));

/** Undefined on the reference. */
export const binding = file && require(file);
