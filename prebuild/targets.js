// What `npm run prebuild` makes: one self-contained binary for each system, processor and C library.

/**
 * @typedef {object} Target
 * @property {string} name Platform, processor and, on Linux, C library, as Node names them.
 * @property {"linux" | "darwin" | "win32"} platform
 * @property {string} architecture The key of native/build.json's instructionSets.
 * @property {"glibc" | "musl"} [libc] On Linux.
 * @property {string} zig The target as zig names it, with the oldest glibc or macOS that the binary asks for.
 * @property {string} [cpu] The processor as zig names it. Default: the oldest of the architecture.
 * @property {string} file Where the binary goes in the package. lib/backends/binaries.cjs names the same files.
 */

/** @type {readonly Target[]} */
export const targets = [
  ["linux-x64-glibc", "x86_64-linux-gnu.2.17"],
  ["linux-x64-musl", "x86_64-linux-musl"],
  ["linux-arm64-glibc", "aarch64-linux-gnu.2.17"],
  ["linux-arm64-musl", "aarch64-linux-musl"],
  // ARMv7 as its binaries must be able to count on it: without NEON, whose arithmetic flushes subnormals to zero.
  ["linux-arm-glibc", "arm-linux-gnueabihf.2.28", "generic+v7a+vfp3d16-d32-neon"],
  ["darwin-x64", "x86_64-macos.11.0"],
  ["darwin-arm64", "aarch64-macos.11.0"],
  ["win32-x64", "x86_64-windows-gnu"],
  ["win32-arm64", "aarch64-windows-gnu"],
].map(([name, zig, cpu]) => {
  const [platform, architecture, libc] = name.split("-");
  const tag = libc ? `.${libc}` : "";
  return {
    name,
    platform,
    architecture,
    libc,
    zig,
    cpu,
    file: `prebuilds/${platform}-${architecture}/rmsprop${tag}.node`,
  };
});
