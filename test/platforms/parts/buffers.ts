// Electron's rule: no buffers over memory that is not the runtime's own. Node's headers have a switch for it.
import { join } from "node:path";
import { installed } from "../packed.ts";
import { check, expectEqual } from "../report.ts";
import { root, run, succeed, work } from "../shell.ts";
import { checkSmoke } from "../smoke.ts";
import { runtimes } from "../tools.ts";

export async function buffers(): Promise<void> {
  const out = join(work, "no-external-buffers");
  const cmake = join(root, "node_modules", "cmake-js", "bin", "cmake-js");
  // cmake-js has its own use for CMAKE_CXX_FLAGS.
  const define = "--CDCMAKE_CXX_FLAGS_RELEASE=-O3 -DNDEBUG -DNODE_API_NO_EXTERNAL_BUFFERS_ALLOWED";
  succeed([process.execPath, cmake], ["rebuild", "--out", out, define], { timeout: 600 });
  const folder = await installed("buffers");
  const env = { RMSPROP_NATIVE_PATH: join(out, "Release", "rmsprop.node") };
  for (const [name, runtime] of Object.entries(runtimes)) {
    await check(`no external buffers, ${name}: smoke`, async () => {
      const ending = run(runtime(), [join(folder, "whole.mjs")], { cwd: folder, env });
      const result = await checkSmoke(ending);
      expectEqual(JSON.parse(ending.stdout.trim().split("\n").at(-1) as string).memory, "shared", "allocate's memory");
      return `${result}, in shared memory`;
    });
  }
}
