// Bundlers drop what a program does not use of the package as it is built; `npm run test:platforms` asks others than this one.
import { join } from "node:path";
import { rolldown } from "rolldown";
import { describe, expect, test } from "vitest";
import { root } from "./support/compile.ts";
import { checkBuilt } from "./support/programs.ts";
import { partsOf, programs, schedulePrograms } from "./support/unused.ts";

/** The bundle of a program over an entry point, without what stays a file of its own. */
async function bundled(code: string, entry: string): Promise<string> {
  const program = join(root, "program.js");
  const bundle = await rolldown({
    input: program,
    external: [/^node:/, /\/binaries\.cjs$/, /\/kernels\.(js|wasm)$/],
    plugins: [
      {
        name: "program",
        resolveId: (id) => (id === program ? id : id === "rmsprop" ? join(root, "dist", entry) : undefined),
        load: (id) => (id === program ? code : undefined),
      },
    ],
  });
  const { output } = await bundle.generate({ format: "esm" });
  await bundle.close();
  return output[0].code;
}

describe.each(["index.js", "browser.js", "workerd.js"])("dist/%s", (entry) => {
  test.each([...programs, ...schedulePrograms])("$code", async ({ code, holds }) => {
    checkBuilt();
    expect(partsOf(await bundled(code, entry))).toEqual(holds);
  });

  // A bundle that is CommonJS has none.
  test("asks for no address of its own", async () => {
    checkBuilt();
    const bundle = await bundled('import * as all from "rmsprop"; console.log(all);', entry);
    expect(bundle.split("\n").filter((line) => line.includes("import.meta"))).toEqual([]);
  });
});
