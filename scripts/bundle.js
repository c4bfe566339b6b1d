// What tsc leaves to do: JavaScript of lib/ goes to dist/ as it is, and the packages that lib/exact-math.ts imports into
// dist/exact-math.js, with their licence beside it. Left as dependencies they would bring some sixty packages for two polynomials.
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, "dist");

const bundle = await rolldown({ input: join(root, "lib", "exact-math.ts"), external: [] });
const { output } = await bundle.write({ file: join(dist, "exact-math.js"), format: "esm" });
await bundle.close();

const [chunk, ...others] = output;
if (others.length > 0 || chunk.imports.length > 0) {
  throw new Error(`Expected dist/exact-math.js to stand alone, but it imports ${chunk.imports.join(", ")}.`);
}

const source = createRequire(import.meta.url).resolve("@stdlib/math-base-special-kernel-cos");
const licence = (file) => readFileSync(join(dirname(source), "..", file), "utf8");
writeFileSync(
  join(dist, "exact-math.LICENSE.txt"),
  `dist/exact-math.js holds code of the packages @stdlib/math-base-special-kernel-cos and -sin.\n\n` +
    `${licence("NOTICE")}\n${licence("LICENSE")}`,
);

copyFileSync(join(root, "lib", "backends", "binaries.cjs"), join(dist, "backends", "binaries.cjs"));
