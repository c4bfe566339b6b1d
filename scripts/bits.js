// Makes the table of `rmsprop bits` anew, and the page of it: `npm run bits:table`, after `npm run build:lib`. The digests are
// those of the reference, and nothing is written unless every other backend here leaves the same.
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { pageOfBits } from "./bits-page.js";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

const { stdout } = spawnSync(
  process.execPath,
  [join(root, "dist", "cli", "main.js"), "bits", "--json", "--reference"],
  {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
    maxBuffer: 2 ** 26,
  },
);
const { backends } = JSON.parse(stdout);
const { digests } = backends.find(({ backend }) => backend === "reference");
for (const of of backends) {
  const different = Object.keys(digests).filter((name) => of.digests[name] !== digests[name]);
  if (different.length > 0)
    throw new Error(`Expected ${of.isa} to leave the reference's bits, but not in ${different}.`);
}
writeFileSync(join(root, "lib", "cli", "bits-table.json"), `${JSON.stringify(digests, null, 2)}\n`);
writeFileSync(join(root, "docs", "bits.md"), pageOfBits(digests));
console.log(
  `${Object.keys(digests).length} digests, of ${backends.map(({ isa }) => isa).join(", ")}; now npm run build:lib.`,
);
