// The tests under sanitizers: the native ones, the whole suite with Node over an add-on that checks addresses and undefined
// behaviour, and the threads under the thread sanitizer. npm run test:sanitize [-- address|thread]
// Sanitizers are those of the compiler that cmake finds (GCC or clang on Linux); leaks of Node's own are not looked for.
import { execFileSync, spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const failed = [];

/** Runs a command to its end; what fails is told at the end. */
function run(title, command, args, env = {}) {
  console.log(`\n== ${title}`);
  const start = performance.now();
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: "inherit", env: { ...process.env, ...env } });
  if (error) throw error;
  if (status !== 0) failed.push(title);
  console.log(
    `== ${title}: ${status === 0 ? "passed" : `failed with ${status}`}, ${Math.round((performance.now() - start) / 1000)} s`,
  );
  return status === 0;
}

/** The runtime of a sanitizer, which a program that was not built with it must load before everything else. */
function runtime(...names) {
  return names
    .map((name) =>
      execFileSync(process.env.CXX ?? "c++", [`-print-file-name=lib${name}.so`], { encoding: "utf8" }).trim(),
    )
    .join(":");
}

/** Builds the add-on and the native tests under sanitizers and runs the tests. Returns the add-on's environment. */
function build(name, sanitizers) {
  const folder = join("build", "sanitize", name);
  const cmake = join("node_modules", ".bin", "cmake-js");
  const options = [`--CDRMSPROP_SANITIZE=${sanitizers}`, "--CDRMSPROP_TESTS=ON"];
  if (!run(`build under ${sanitizers}`, cmake, ["build", "--out", folder, ...options])) process.exit(1);
  run(`native tests under ${sanitizers}`, "ctest", ["--test-dir", folder, "--output-on-failure", "--no-tests=error"]);
  return { RMSPROP_NATIVE_PATH: join(root, folder, "Release", "rmsprop.node") };
}

const parts = {
  address() {
    const addon = build("address", "address,undefined");
    run("the suite under address,undefined", join("node_modules", ".bin", "vitest"), ["run"], {
      ...addon,
      RMSPROP_TEST: "sanitize",
      LD_PRELOAD: runtime("asan", "ubsan"),
      // More memory than there is gets null, as without the sanitizer.
      ASAN_OPTIONS: "detect_leaks=0:detect_stack_use_after_return=0:allocator_may_return_null=1",
      UBSAN_OPTIONS: "print_stacktrace=1",
    });
  },
  thread() {
    const addon = build("thread", "thread");
    run(
      "two workers under thread",
      process.execPath,
      ["--expose-gc", join("test", "programs", "two-workers.js"), "2000"],
      {
        ...addon,
        RMSPROP_BACKEND: "native",
        LD_PRELOAD: runtime("tsan"),
        TSAN_OPTIONS: `exitcode=66:suppressions=${join(root, "test", "native", "thread.supp")}`,
      },
    );
  },
};

const chosen = process.argv.slice(2);
for (const name of chosen.length > 0 ? chosen : Object.keys(parts)) {
  if (!parts[name]) throw new Error(`Expected ${Object.keys(parts).join(" or ")}, but found ${name}.`);
  parts[name]();
}
console.log(failed.length === 0 ? "\nall passed" : `\nfailed: ${failed.join("; ")}`);
process.exitCode = failed.length === 0 ? 0 : 1;
