// What environment variables say of the launcher that started this process, and which MPI library is its own. Pure.

type Variables = Readonly<Record<string, string | undefined>>;

/** What started this process as one of several ranks. */
export interface Launcher {
  /** For people: "Open MPI's mpirun". */
  readonly name: string;
  /** How many ranks it started; undefined where it does not say. */
  readonly size: number | undefined;
  /** The project whose library it goes with; undefined where it goes with several. */
  readonly library: "openmpi" | "mpich" | undefined;
  /** Why another number of ranks may be found. */
  readonly mistake: string;
}

const counted = (value: string | undefined): number | undefined =>
  value !== undefined && /^[1-9]\d{0,8}$/.test(value) ? Number(value) : undefined;

const anotherLibrary = "it is another MPI than the launcher's";

/** What launchers tell each rank, whichever they are: by PMI, by PMIx, and on Cray, IBM and Flux. None says it to a process alone. */
const ofSomeLauncher = [
  ...["PMI_RANK", "PMI_FD", "PMI_PORT", "PMI_CONTROL_PORT", "PMIX_RANK", "PMIX_NAMESPACE"],
  ...["PALS_RANKID", "ALPS_APP_PE", "MV2_COMM_WORLD_SIZE", "JSM_NAMESPACE_SIZE", "FLUX_TASK_RANK"],
];

/** The launcher; undefined where none is seen: this process is alone then, and needs no MPI. */
export function launcherOf(env: Variables): Launcher | undefined {
  const ofOpenMpi = counted(env["OMPI_COMM_WORLD_SIZE"]);
  if (ofOpenMpi !== undefined) {
    return { name: "Open MPI's mpirun", size: ofOpenMpi, library: "openmpi", mistake: anotherLibrary };
  }
  // Of a step of Slurm's: the variables of an allocation are there for a script too, which is no rank.
  const ofSlurm = counted(env["SLURM_STEP_NUM_TASKS"]);
  const ofPmi = counted(env["PMI_SIZE"]);
  // Hydra starts its own agents by srun, so that both are there.
  if (ofPmi !== undefined && (ofSlurm === undefined || env["MPI_LOCALNRANKS"] !== undefined)) {
    return { name: "MPICH's mpirun", size: ofPmi, library: "mpich", mistake: anotherLibrary };
  }
  const isTold = ofSomeLauncher.some((name) => env[name]);
  if (ofSlurm !== undefined && (ofSlurm > 1 || isTold)) {
    const mistake = `${anotherLibrary}, or srun lacks --mpi=pmix (Open MPI) or --mpi=pmi2 (MPICH)`;
    return { name: "srun", size: ofSlurm, library: ofPmi === undefined ? undefined : "mpich", mistake };
  }
  if (!isTold) return undefined;
  return { name: "a launcher of MPI", size: undefined, library: undefined, mistake: anotherLibrary };
}

/** Sonames of Open MPI 4 to 6; of MPICH 3 to 5 and its kin, and as Debian 12 has it; of the MPI standard's interface. */
const names = {
  linux: { openmpi: ["libmpi.so.40"], mpich: ["libmpi.so.12", "libmpich.so.12"], standard: ["libmpi_abi.so.1"] },
  darwin: {
    openmpi: ["libmpi.40.dylib", "/opt/homebrew/lib/libmpi.40.dylib"],
    mpich: ["libmpi.12.dylib", "/opt/homebrew/lib/libmpi.12.dylib"],
    standard: ["libmpi_abi.1.dylib"],
  },
};

/** The libraries to try, in order: that which RMSPROP_MPI names, or the launcher's own. */
export function librariesOf(launcher: Launcher | undefined, env: Variables, platform: string): readonly string[] {
  if (env["RMSPROP_MPI"]) return [env["RMSPROP_MPI"]];
  const { openmpi, mpich, standard } = platform === "darwin" ? names.darwin : names.linux;
  if (launcher?.library === "openmpi") return [...openmpi, ...standard];
  if (launcher?.library === "mpich") return [...mpich, ...standard];
  return [...openmpi, ...mpich, ...standard];
}

/** The sentence where MPI finds another number of ranks than the launcher started; undefined where all is well. */
export function wrongSize(launcher: Launcher | undefined, size: number, path: string): string | undefined {
  if (launcher?.size === undefined || launcher.size === size) return undefined;
  return (
    `Expected ${launcher.size} ${launcher.size === 1 ? "rank" : "ranks"}, as ${launcher.name} started, but ${path} finds ` +
    `${size}: ${launcher.mistake}. RMSPROP_MPI names the library to load.`
  );
}
