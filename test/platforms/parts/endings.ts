// Workers that are terminated in native code, and Deno with few permissions: what ends the whole process where it goes wrong.
import { join } from "node:path";
import type { Extent } from "../bits.ts";
import { binary, installed } from "../packed.ts";
import { check, expectEqual } from "../report.ts";
import { type Command, root, run, succeed } from "../shell.ts";
import { smokeIn } from "../smoke.ts";
import { runtimes, tool } from "../tools.ts";

const program = (name: string) => join(root, "test/programs", `${name}.js`);

/** For programs over dist/, which load the binary as it is packed. */
const packedBinary = () => ({ RMSPROP_NATIVE_PATH: binary("linux-x64-glibc") });

/** Terminates workers inside each function of the add-on. */
async function checkCalls(name: "Node 20" | "Node 22" | "Node 26", times: number): Promise<void> {
  await check(`${name}: workers that end in each function, ${times} times each`, () => {
    const args = [program("terminated-calls"), String(times)];
    const { stdout } = succeed(runtimes[name](), args, { env: packedBinary(), timeout: 1200 });
    const { ended } = JSON.parse(stdout) as { ended: Record<string, number> };
    expectEqual([...new Set(Object.values(ended))], [times], "how often each ended");
    return `${Object.keys(ended).length} functions`;
  });
}

/** Terminates workers in steps off the event loop; returns how many runs of the program ended well. */
function survivors(kind: string, runs: number): { well: number; codes: string } {
  let well = 0;
  let codes = "";
  for (let i = 0; i < runs; i++) {
    const args = [program("terminated-async"), "12", kind];
    const { status, stdout } = run(runtimes.Deno(), args, { env: packedBinary() });
    if (status !== 0) continue;
    well++;
    codes = JSON.parse(stdout).codes.join();
  }
  return { well, codes };
}

const deno = (permissions: readonly string[]): Command => [
  tool("@deno", "linux-x64-glibc", "deno"),
  ...["run", "--no-prompt", "--v8-flags=--expose-gc"],
  ...permissions,
];

export async function endingsPart({ extent }: { readonly extent: Extent }): Promise<void> {
  const folder = await installed("endings");
  const quick = extent === "short";
  for (const name of ["Node 20", "Node 22", "Node 26"] as const) await checkCalls(name, quick ? 3 : 60);
  const runs = quick ? 2 : 10;
  for (const [kind, code] of [
    ["allocated", "stepped"],
    ["shared", "ERR_ASYNC_MEMORY"],
    ["sharedAllocated", "ERR_ASYNC_MEMORY"],
  ] as const) {
    await check(`Deno: 12 workers end in stepAsync(), ${kind} memory, ${runs} times`, () => {
      expectEqual(
        survivors(kind, runs),
        { well: runs, codes: code },
        "the runs that ended well, and what they were told",
      );
      return undefined;
    });
  }
  await check("Deno: native with --allow-read and --allow-ffi alone", () =>
    smokeIn(folder, deno(["--allow-read", "--allow-ffi"]), { program: "steps" }),
  );
}
