import { describe, expect, test } from "vitest";
import { launcherOf, librariesOf, wrongSize } from "../../lib/distributed/launcher.ts";

const openMpi = ["libmpi.so.40", "libmpi_abi.so.1"];
const mpich = ["libmpi.so.12", "libmpich.so.12", "libmpi_abi.so.1"];
const all = ["libmpi.so.40", "libmpi.so.12", "libmpich.so.12", "libmpi_abi.so.1"];

type Variables = Readonly<Record<string, string>>;

/** What each launcher leaves in the environment. */
const cases: readonly [
  title: string,
  env: Variables,
  found: [string, number | undefined] | undefined,
  tried: string[],
][] = [
  ["none", {}, undefined, all],
  ["Open MPI's mpirun", { OMPI_COMM_WORLD_SIZE: "4", PMIX_RANK: "1" }, ["Open MPI's mpirun", 4], openMpi],
  [
    "Open MPI's mpirun within Slurm",
    { OMPI_COMM_WORLD_SIZE: "8", PMIX_RANK: "0", SLURM_STEP_NUM_TASKS: "2", SLURM_NTASKS: "8" },
    ["Open MPI's mpirun", 8],
    openMpi,
  ],
  ["MPICH's mpirun", { PMI_SIZE: "2", PMI_RANK: "0", MPI_LOCALNRANKS: "2" }, ["MPICH's mpirun", 2], mpich],
  [
    "MPICH's mpirun within Slurm",
    { PMI_SIZE: "16", MPI_LOCALNRANKS: "4", SLURM_STEP_NUM_TASKS: "4" },
    ["MPICH's mpirun", 16],
    mpich,
  ],
  ["another launcher with PMI", { PMI_SIZE: "3" }, ["MPICH's mpirun", 3], mpich],
  ["srun --mpi=pmi2", { PMI_SIZE: "4", SLURM_STEP_NUM_TASKS: "4" }, ["srun", 4], mpich],
  ["srun --mpi=pmix", { PMIX_RANK: "3", SLURM_STEP_NUM_TASKS: "4" }, ["srun", 4], all],
  ["srun alone", { SLURM_STEP_NUM_TASKS: "4" }, ["srun", 4], all],
  ["a script of sbatch, which is no step", { SLURM_NTASKS: "4", SLURM_PROCID: "0" }, undefined, all],
  ["srun of one task", { SLURM_STEP_NUM_TASKS: "1", SLURM_NTASKS: "1" }, undefined, all],
  ["srun --mpi=pmix of one task", { SLURM_STEP_NUM_TASKS: "1", PMIX_RANK: "0" }, ["srun", 1], all],
  ["a launcher with PMIx", { PMIX_RANK: "0", PMIX_NAMESPACE: "prterun-7@1" }, ["a launcher of MPI", undefined], all],
  ["one with PMI, and no more", { PMI_FD: "5" }, ["a launcher of MPI", undefined], all],
  ["Cray's", { PALS_RANKID: "0", PALS_APID: "a" }, ["a launcher of MPI", undefined], all],
  ["settings of PMI, which no launcher leaves", { PMI_NO_FORK: "1", PMI_MMAP_SYNC_WAIT_TIME: "300" }, undefined, all],
  ["numbers that are none", { OMPI_COMM_WORLD_SIZE: "four", PMI_SIZE: "0", PMIX_RANK: "" }, undefined, all],
];

describe.each(cases)("%s", (_, env, found, tried) => {
  const launcher = launcherOf(env);

  test("is recognized", () => {
    expect(launcher && [launcher.name, launcher.size]).toEqual(found);
  });

  test("has its libraries tried, or that which RMSPROP_MPI names", () => {
    expect(librariesOf(launcher, env, "linux")).toEqual(tried);
    expect(librariesOf(launcher, { ...env, RMSPROP_MPI: "/opt/mpi.so" }, "linux")).toEqual(["/opt/mpi.so"]);
    const onMac = librariesOf(launcher, env, "darwin");
    expect(onMac.length).toBeGreaterThan(0);
    expect(onMac.filter((name) => !name.endsWith(".dylib"))).toEqual([]);
  });
});

describe("another number of ranks", () => {
  test("is a sentence with the launcher's mistake", () => {
    const srun = launcherOf({ SLURM_STEP_NUM_TASKS: "4" });
    expect(wrongSize(srun, 4, "libmpi.so.40")).toBeUndefined();
    expect(wrongSize(srun, 1, "/lib/libmpi.so.40")).toBe(
      "Expected 4 ranks, as srun started, but /lib/libmpi.so.40 finds 1: it is another MPI than the launcher's, or srun " +
        "lacks --mpi=pmix (Open MPI) or --mpi=pmi2 (MPICH). RMSPROP_MPI names the library to load.",
    );
  });

  test("of one rank is told as one", () => {
    expect(wrongSize(launcherOf({ PMI_SIZE: "1" }), 2, "a")).toMatch(
      /^Expected 1 rank, as MPICH's mpirun started, but a /,
    );
  });

  test("is nothing where no launcher says one", () => {
    expect(wrongSize(undefined, 3, "a")).toBeUndefined();
    expect(wrongSize(launcherOf({ PMIX_RANK: "0" }), 3, "a")).toBeUndefined();
  });
});
