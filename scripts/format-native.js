// Formats the C++ sources in place, or with --check fails where one is not formatted.
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { createRequire } from "node:module";

const { getNativeBinary } = createRequire(import.meta.url)("clang-format");
const files = ["native", "test/native", "bench"].flatMap((folder) =>
  readdirSync(folder, { recursive: true })
    .filter((file) => /\.[ch]pp$/.test(file))
    .map((file) => `${folder}/${file}`),
);
const mode = process.argv.includes("--check") ? ["--dry-run", "--Werror"] : ["-i"];
const { status, error } = spawnSync(getNativeBinary(), [...mode, ...files], { stdio: "inherit" });
if (error) throw error;
process.exit(status ?? 1);
