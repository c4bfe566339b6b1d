// The machine's own platform, on Linux: binding.gyp, as a user's machine builds it, driven by prebuildify. Its compiler is zig,
// because a system's own makes binaries that ask for its glibc and its C++ library, and later ones than users have. On macOS
// and Windows node-gyp asks Xcode and Visual Studio for what zig does without, so there it is compiled as for another's.
import { copyFileSync, cpSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { compilerFlags, linkerFlags } from "./compile.js";
import { packageFile, root, run, zig } from "./toolchain.js";

const isMusl = () => !process.report.getReport().header.glibcVersionRuntime;

/** The name of this machine's target, where prebuildify makes it. */
export const ownTarget =
  process.platform === "linux" ? `linux-${process.arch}-${isMusl() ? "musl" : "glibc"}` : undefined;

/** Makes it in a folder of its own, because node-gyp clears `build/` of the one that it works in. */
export async function prebuildOwn(target, folder, output, cache) {
  const copy = join(root, folder, target.name);
  rmSync(copy, { recursive: true, force: true });
  mkdirSync(copy, { recursive: true });
  for (const part of ["native", "scripts", "binding.gyp", "package.json"]) {
    cpSync(join(root, part), join(copy, part), { recursive: true });
  }
  symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
  const machine = `-target ${target.zig}${target.cpu ? ` -mcpu=${target.cpu}` : ""}`;
  const env = {
    CC: `${zig()} cc ${machine}`,
    CXX: `${zig()} c++ ${machine}`,
    LINK: `${zig()} c++ ${machine} ${linkerFlags.join(" ")}`,
    AR: `${zig()} ar`,
    CXXFLAGS: compilerFlags(copy).join(" "),
    ZIG_LOCAL_CACHE_DIR: cache,
  };
  const prebuildify = join(dirname(packageFile("prebuildify/package.json")), "bin.js");
  await run(process.execPath, [prebuildify, "--napi", "--tag-libc", "--name", "rmsprop"], env, copy);
  mkdirSync(dirname(output), { recursive: true });
  copyFileSync(join(copy, target.file), output);
  return [];
}
