// A rank over a library of MPI's interfaces that is one process: loading, errors, time-outs, and every way to end.
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import type { Socket } from "node:net";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { root } from "../support/compile.ts";
import { type Ending, runProgram } from "../support/programs.ts";

const compiler = [process.env["CC"], "cc", "gcc", "clang"].find(
  (command) => command && spawnSync(command, ["--version"]).status === 0,
);
const missing =
  compiler === undefined ? " (there is no C compiler)" : process.platform === "win32" ? " (Windows has no MPI)" : "";
const folder = join(root, "build", "test", "stub-mpi");

/** Files are named as the libraries are, because the standard's interface shows by its name alone. */
const libraries = {
  MPICH: { file: "libmpi.so.12", flags: [] },
  "Open MPI": { file: "libmpi.so.40", flags: ["-DOPEN_MPI"] },
  standard: { file: "libmpi_abi.so.1", flags: ["-DSTANDARD"] },
  old: { file: "libmpi-old.so", flags: ["-DOLD"] },
};

type Library = keyof typeof libraries;

const pathOf = (library: Library) => join(folder, libraries[library].file);

/** Runs the program over the stub as two ranks. */
function run(what: string, env: Readonly<Record<string, string>> = {}, library: Library = "MPICH"): Promise<Ending> {
  const alone = { OMPI_COMM_WORLD_SIZE: undefined, PMI_SIZE: undefined, RMSPROP_BACKEND: undefined };
  const stub = { RMSPROP_MPI: pathOf(library), STUB_SIZE: "2", RMSPROP_MPI_TIMEOUT: "1" };
  return runProgram("ranks-over-stub", { args: [what], env: { ...alone, ...stub, ...env } });
}

/** Runs the program as hydra would, which gives these answers: the lines that it heard, and how the program ended. */
async function runUnderHydra(given: Readonly<Record<string, string>>, answers: Readonly<Record<string, string>>) {
  const env = { ...process.env, RMSPROP_BACKEND: undefined, RMSPROP_MPI: pathOf("MPICH"), STUB_SIZE: "2" };
  const hydra = { PMI_FD: "3", MPI_LOCALNRANKS: "1", RMSPROP_MPI_TIMEOUT: "5" };
  const set = Object.entries({ ...env, ...hydra, ...given }).filter(([, value]) => value);
  const child = spawn(process.execPath, [join(root, "test/programs/ranks-over-stub.js"), "all"], {
    env: Object.fromEntries(set) as NodeJS.ProcessEnv,
    stdio: ["ignore", "ignore", "pipe", "pipe"],
  });
  const said: string[] = [];
  const socket = child.stdio[3] as Socket;
  socket.on("data", (data) => {
    for (const line of data.toString().trim().split("\n")) {
      said.push(line);
      socket.write(`${answers[line]}\n`);
    }
  });
  let stderr = "";
  child.stderr?.on("data", (data) => {
    stderr += data;
  });
  const [code] = await once(child, "close");
  return [said, { code, stderr }] as const;
}

describe.skipIf(missing)(`a stub of MPI${missing}`, () => {
  beforeAll(() => {
    mkdirSync(folder, { recursive: true });
    for (const library of Object.keys(libraries) as Library[]) {
      const args = ["-shared", "-fPIC", "-O1", "-Wall", ...libraries[library].flags, "test/native/stub_mpi.c"];
      execFileSync(compiler as string, [...args, "-o", pathOf(library)], { cwd: root });
    }
  }, 60_000);

  test.each(["MPICH", "Open MPI", "standard"] as const)("is called as the interface %s wants it", async (library) => {
    const { stdout, stderr, ...ending } = await run("all", {}, library);
    expect(stderr).toBe("finalized\n");
    expect(ending).toMatchObject({ code: 0, signal: null });
    expect(JSON.parse(stdout)).toEqual({
      ...{ rank: 0, size: 2, mean: 3, w: [1, 2, 3] },
      library: { name: "MPICH", version: "1.2.3", abi: library, path: pathOf(library) },
    });
  });

  test.each([
    ["Intel(R) MPI Library 2021.9 for Linux* OS\n", "Intel(R) MPI Library", "2021.9"],
    ["MVAPICH2 Version      :\t2.3.7\n", "MVAPICH2", "2.3.7"],
    ["Open MPI v4.1.4, package: Debian OpenMPI", "Open MPI", "4.1.4"],
  ])("says of itself %j", async (text, name, version) => {
    const library = name === "Open MPI" ? "Open MPI" : "MPICH";
    const { stdout } = await run("all", { STUB_VERSION: text }, library);
    expect(JSON.parse(stdout).library).toMatchObject({ name, version });
  });

  test.each([
    ["an error", { STUB_FAILS: "MPI_Ibarrier" }, "Expected MPI_Ibarrier to succeed, but it says: the stub fails"],
    ["an error later", { STUB_FAILS: "never", RMSPROP_MPI_TIMEOUT: "0.5" }, waitedFor("0.5 seconds")],
    ["a time-out", { STUB_FAILS: "never" }, waitedFor("1 second")],
  ])("gives %s to all calls from then on, and the run ends with 1", async (_, env, message) => {
    const { stdout, stderr, ...ending } = await run("tells", env);
    expect(stdout).toBe(`ERR_RANKS ${message}\nERR_RANKS ${message}\n`);
    expect(stderr).toBe(`Rank 0: ${message}\naborted with 1\n`);
    expect(ending).toMatchObject({ code: 1, signal: null });
  });

  function waitedFor(time: string): string {
    return `Expected all ranks to take part in a collective (a barrier), but some have not for ${time}.`;
  }

  const others = "Expected all ranks to end together, but this one";
  test.each<[what: string, env: Readonly<Record<string, string>>, stderr: RegExp, code: number]>([
    ["throws", {}, /^Rank 0: Error: A bug\.\n( .*\n)+aborted with 1\n$/, 1],
    ["exits", {}, new RegExp(`^Rank 0: ${others} ends with code 5\\.\naborted with 5\n$`), 5],
    ["underWay", { STUB_FAILS: "never" }, /^Rank 0: Expected no collective .*, but 1 is\.\naborted with 1\n$/, 1],
    ["reallyExits", {}, /^Rank 0: .* this process ends without its exit event\.\naborted with 1\n$/, 1],
    [
      "all",
      { STUB_HANGS: "MPI_Finalize" },
      /^finalized\nNote: all ranks have come to their end, .*\naborted with 0\n$/,
      0,
    ],
    ["exits", { STUB_RETURNS: "MPI_Abort" }, /\naborted with 5\n$/, 5],
    ["exits", { STUB_HANGS: "MPI_Abort" }, /\naborted with 5\n$/, 5],
  ])("%s %j ends the process", async (what, env, stderr, code) => {
    const start = performance.now();
    const ending = await run(what, env);
    expect(ending.stderr).toMatch(stderr);
    expect(ending).toMatchObject({ code, signal: null, timedOut: false });
    expect((performance.now() - start) / 1000).toBeLessThan(1 + 10 + 5); // starting a process under load
  });

  const onUcx = { STUB_VERSION: "MPICH Version:\t4.0.2\nMPICH Device:\tch4:ucx\n" };
  const [entered, left] = [
    ["cmd=barrier_in", "cmd=barrier_out"],
    ["cmd=finalize", "cmd=finalize_ack"],
  ] as const;
  test.each<
    [what: string, env: Readonly<Record<string, string>>, answers: readonly (readonly string[])[], stderr: string]
  >([
    ["MPICH on UCX leaves hydra itself", onUcx, [entered, left], ""],
    ["hydra that says something else leaves it to MPI", onUcx, [[entered[0], "cmd=what"]], "finalized\n"],
    ["another MPICH leaves it to MPI", {}, [], "finalized\n"],
    [
      "a PMI of another version is left to MPI",
      { STUB_VERSION: `${onUcx.STUB_VERSION}--with-pmi=pmi2` },
      [],
      "finalized\n",
    ],
    ["another launcher with a PMI is left to MPI", { ...onUcx, MPI_LOCALNRANKS: "" }, [], "finalized\n"],
  ])("at the end, %s", async (_, env, answers, stderr) => {
    const [said, ending] = await runUnderHydra(env, Object.fromEntries(answers));
    expect(said).toEqual(answers.map(([line]) => line));
    expect(ending).toEqual({ code: 0, stderr });
  });

  test.each<[what: string, env: Readonly<Record<string, string>>, message: string, library?: Library]>([
    [
      "another number of ranks than the launcher's",
      { PMI_SIZE: "4" },
      "Expected 4 ranks, as MPICH's mpirun started, but PATH finds 2: it is another MPI than the launcher's. " +
        "RMSPROP_MPI names the library to load.",
    ],
    [
      "a library of an unknown interface",
      { STUB_VERSION: "Some MPI 7\nof someone" },
      "Expected the MPI library to be Open MPI, MPICH or one of its kin, or of the standard's interface, " +
        "but PATH says that it is Some MPI 7.",
    ],
    [
      "MPI that something else started",
      { STUB_INITIALIZED: "1" },
      "Expected MPI to be started by connect() alone, but something else in this process has started it.",
    ],
    ["an older library", {}, "Expected an MPI library of version 3 or later, but PATH has no MPI_Ibarrier.", "old"],
    [
      "ranks that do not start",
      { STUB_HANGS: "MPI_Init_thread" },
      "Expected all ranks to start, but some have not for 1 second.",
    ],
    [
      "an error at the start",
      { STUB_FAILS: "MPI_Init_thread" },
      "Expected MPI_Init_thread to succeed, but it says: the stub fails",
    ],
    [
      "no number",
      { RMSPROP_MPI_TIMEOUT: "soon" },
      'Expected RMSPROP_MPI_TIMEOUT to be a finite number of seconds above 0, but it is "soon".',
    ],
  ])("refuses %s", async (_, env, message, library = "MPICH") => {
    const { stderr, code } = await run("all", env, library);
    expect(stderr).toContain(`OptimError: ${message.replace("PATH", pathOf(library))}\n`);
    expect(code).toBe(1);
  });
});

test.each(["native", "reference", "wasm"])("on %s a process alone is one rank, and loads no MPI", async (backend) => {
  const env = { RMSPROP_BACKEND: backend, OMPI_COMM_WORLD_SIZE: undefined, PMI_SIZE: undefined };
  const { stdout, stderr, code } = await runProgram("ranks-alone", { env });
  expect(JSON.parse(stdout)).toEqual({ before: [], after: [], rank: 0, size: 1, library: null, mean: 3, w: [1, 2, 3] });
  expect({ stderr, code }).toEqual({ stderr: "", code: 0 });
});

test.each(["reference", "wasm"])("on %s a process refuses to be one of several", async (backend) => {
  const env = { RMSPROP_BACKEND: backend, OMPI_COMM_WORLD_SIZE: undefined, PMI_SIZE: "2" };
  const { stderr, code } = await runProgram("ranks-alone", { env });
  expect(stderr).toContain(
    "OptimError: Expected 2 ranks, as MPICH's mpirun started, which takes the native backend on Linux or macOS, " +
      `but the backend in use is ${backend}.`,
  );
  expect(code).toBe(1);
});
