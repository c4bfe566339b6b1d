// The add-on that the package has loaded, for programs that look at its counters or take something away from it.
import { createRequire } from "node:module";
import "../../dist/index.js";

const require = createRequire(import.meta.url);

/** Undefined on the reference. */
export const bindingFile = Object.keys(require.cache).find((file) => file.endsWith(".node"));
export const binding = bindingFile && require(bindingFile);
