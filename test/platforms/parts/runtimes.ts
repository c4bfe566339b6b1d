// Node, Bun and Deno from npm's packages of them, on the native backend and on each one that stands in for it; and what must
// have the same bits on all of them beside steps: schedules and coefficients.
import { join } from "node:path";
import { rolldown } from "rolldown";
import { installed } from "../packed.ts";
import { check, expectEqual } from "../report.ts";
import { root, succeed, work } from "../shell.ts";
import { smokeIn } from "../smoke.ts";
import { node, runtimes } from "../tools.ts";

/** A program over parts of lib/ that are not published, in one file. */
async function bundled(program: string, name: string): Promise<string> {
  const file = join(work, `${name}.mjs`);
  const bundle = await rolldown({ input: join(root, program), platform: "node" });
  await bundle.write({ file, format: "esm" });
  await bundle.close();
  return file;
}

export async function runtimesPart(): Promise<void> {
  const folder = await installed("runtimes");
  // Digests of sequences that schedules and coefficients make.
  const sequences = await bundled("test/support/runtime-bits.ts", "runtime-bits");
  const detachedLength = await bundled("test/programs/detached-length.js", "detached-length");
  const expected = succeed(node, [sequences]).stdout;
  await check("schedules and coefficients: the digest is that of many sequences", () => {
    const digests = expected.trim().split("\n");
    // A preset may have the coefficients of another; schedules and what depends on the step are all different.
    const different = digests.filter((line) => /^[a-z]|by the step/.test(line) && !line.startsWith("Rprop"));
    if (digests.length <= 30) throw new Error(`Expected more than 30 sequences, found ${digests.length}.`);
    expectEqual(new Set(different.map((line) => line.split(" ").at(-1))).size, different.length, "different digests");
    return `${digests.length} sequences`;
  });
  for (const [name, runtime] of Object.entries(runtimes)) {
    await check(`${name}: smoke`, () => smokeIn(folder, runtime()));
    for (const backend of ["wasm", "reference"]) {
      await check(`${name}: smoke, RMSPROP_BACKEND=${backend}`, () =>
        smokeIn(folder, runtime(), { env: { RMSPROP_BACKEND: backend } }, { backend }),
      );
    }
    // Wrong on Node 22 where V8 may compile the getter into its caller.
    await check(`${name}: the length of a detached array`, () => {
      expectEqual(succeed(runtime(), [detachedLength]).stdout.trim(), '{"length":0}', "what it printed");
      return undefined;
    });
    await check(`${name}: schedules and coefficients`, () => {
      expectEqual(succeed(runtime(), [sequences]).stdout, expected, "the digests");
      return undefined;
    });
  }
}
