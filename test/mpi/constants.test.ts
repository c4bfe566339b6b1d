// The constants of native/mpi_abi.hpp are those of the headers that MPI libraries come with, where they are installed (Debian:
// libopenmpi-dev, libmpich-dev; from Debian 14 on also the standard's mpi_abi.h).
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { compileProgram, compiler } from "../support/compile.ts";

const libraries = existsSync("/usr/lib") ? readdirSync("/usr/lib").filter((name) => name.endsWith("-linux-gnu")) : [];
/** Folders of headers besides those of the system, as unpacked packages have them. */
const others = (process.env["MPI_HEADERS"] ?? "").split(":").filter(Boolean);

function folderOf(header: string, ...folders: readonly string[]): string | undefined {
  return folders.find((folder) => existsSync(join(folder, header)));
}

const inSystem = (...parts: readonly string[]) => ["/usr", ...others].map((folder) => join(folder, ...parts));

const headers = [
  {
    name: "Open MPI",
    flags: ["-DOPEN_MPI"],
    folder: folderOf("mpi.h", ...libraries.flatMap((name) => inSystem("lib", name, "openmpi", "include"))),
  },
  {
    name: "MPICH",
    flags: [],
    folder: folderOf("mpi.h", ...libraries.flatMap((name) => inSystem("include", name, "mpich"))),
  },
  {
    name: "the standard",
    flags: ["-DSTANDARD"],
    folder: folderOf(
      "mpi_abi.h",
      ...libraries.flatMap((name) => [
        ...inSystem("include", name, "mpich"),
        ...inSystem("lib", name, "openmpi", "include", "standard_abi"),
      ]),
    ),
  },
];

test.each(headers)("those of $name are its header's", ({ name, flags, folder }) => {
  if (!compiler || !folder) {
    console.log(`not compared: ${folder ? "there is no C++ compiler" : `there is no header of ${name}`}`);
    return;
  }
  const program = compileProgram("mpi_constants", ["-I", folder, ...flags]);
  expect(execFileSync(program, { encoding: "utf8" })).toMatch(/^\d+ passed, 0 failed$/m);
});
