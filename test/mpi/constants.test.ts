// The constants of native/mpi_abi.hpp are those of the headers that MPI libraries come with, where they are installed (Debian:
// libopenmpi-dev, libmpich-dev; from Debian 14 on also the standard's) or unpacked: MPI_HEADERS=FOLDER/usr:…
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { compileProgram, compiler } from "../support/compile.ts";

const libraries = existsSync("/usr/lib") ? readdirSync("/usr/lib").filter((name) => name.endsWith("-linux-gnu")) : [];
/** Folders of headers besides those of the system, as unpacked packages have them. */
const others = (process.env["MPI_HEADERS"] ?? "").split(":").filter(Boolean);

/** The first folder that has a header. */
const folderOf = (...folders: readonly string[]) => folders.find((folder) => existsSync(join(folder, "mpi.h")));

const inSystem = (...parts: readonly string[]) => ["/usr", ...others].map((folder) => join(folder, ...parts));
const inEach = (folders: (name: string) => readonly string[]) => folderOf(...libraries.flatMap(folders));

const headers = [
  {
    name: "Open MPI",
    flags: ["-DOPEN_MPI"],
    folder: inEach((name) => inSystem("lib", name, "openmpi", "include")),
  },
  {
    name: "MPICH",
    flags: [],
    folder: inEach((name) => [
      ...inSystem("include", name, "mpich"),
      ...inSystem("lib", name, "mpich", "include"), // from Debian 14 on
    ]),
  },
  {
    name: "the standard",
    flags: ["-DSTANDARD"],
    folder: inEach((name) => [
      ...inSystem("lib", name, "mpi_abi_mpich", "include"),
      ...inSystem("lib", name, "openmpi", "include", "standard_abi"),
    ]),
  },
];

describe.each(headers)("$name", ({ name, flags, folder }) => {
  const missing = compiler ? (folder ? "" : ` (no header of ${name} is installed)`) : " (there is no C++ compiler)";

  test.skipIf(missing)(`the constants are its header's${missing}`, () => {
    const program = compileProgram("mpi_constants", ["-I", folder as string, ...flags]);
    expect(execFileSync(program, { encoding: "utf8" })).toMatch(/^[1-9]\d* passed, 0 failed$/m);
  });
});
