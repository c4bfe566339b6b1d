// Kernels of all instruction sets of this machine against each other, without Node: test/native/fuzz.cpp, which says its
// options. npm run fuzz [-- --elements 1e9 --seed S]
import { spawnSync } from "node:child_process";
import { cpus } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const build = join("build", "cmake");

function run(command, ...args) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: "inherit" });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}

const given = process.argv.slice(2);
const has = (name) => given.includes(name);
run("cmake", "-S", ".", "-B", build, "-DRMSPROP_TESTS=ON");
run("cmake", "--build", build, "--parallel", String(cpus().length), "--target", "test_fuzz");
run(
  join(build, "test_fuzz"),
  ...[
    ...(has("--corpus") ? [] : ["--corpus", join("test", "native", "corpus")]),
    ...(has("--elements") ? [] : ["--elements", "1e9"]),
    ...(has("--threads") ? [] : ["--threads", String(cpus().length)]),
    ...given,
  ],
);
