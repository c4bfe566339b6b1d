// Everything that `npm run prebuild` makes.
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { compile } from "./compile.js";
import { ownTarget, prebuildOwn } from "./own.js";
import { targets } from "./targets.js";
import { root } from "./toolchain.js";
import { compileWasm, wasm } from "./wasm.js";

/**
 * @typedef {object} Product
 * @property {string} name
 * @property {string} file Where it goes in the package.
 * @property {(folder: string, output: string, cache: string) => Promise<string[]>} make What it gives are warnings.
 */

/** @type {readonly Product[]} */
export const products = [
  ...targets.map((target) => ({
    ...target,
    make: (...where) => (target.name === ownTarget ? prebuildOwn : compile)(target, ...where),
  })),
  { ...wasm, make: compileWasm },
];

/**
 * The bytes that none of them may have more of. RMSprop's variants, of two number types and three instruction sets, are
 * half of the largest, and an optimizer like Adam takes 80 kB of it: a build that is over this has compiled something that
 * nobody meant to.
 */
export const largest = 1_750_000;

/** The list of hashes in the package. */
export const hashesFile = "prebuilds/SHA256SUMS";

/**
 * @param {Product} product
 * @param {string} [folder] The repository that has made it. Default: this one.
 * @returns {string}
 */
export function hashOf({ file }, folder = root) {
  return createHash("sha256")
    .update(readFileSync(join(folder, file)))
    .digest("hex");
}

/** @returns {string} The hashes of what is there, as `sha256sum --check` reads them in prebuilds/. */
export function listOfHashes() {
  const present = products.filter(({ file }) => existsSync(join(root, file)));
  return present.map((product) => `${hashOf(product)}  ${product.file.slice("prebuilds/".length)}\n`).join("");
}
