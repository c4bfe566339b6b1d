// Linux with musl, on x64 and, emulated by qemu, on arm64: npm has Bun for them, Debian has musl, and musl/shim.c makes of
// Debian's libstdc++ one for musl.
import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { checkBits } from "../bits.ts";
import { type binaries, binary, installed, projectFolder } from "../packed.ts";
import { check } from "../report.ts";
import { type Command, root, succeed, succeedInTwo } from "../shell.ts";
import { smokeIn } from "../smoke.ts";
import { debian, tool } from "../tools.ts";
import { isasHere } from "./linux-x64.ts";

export const linuxMuslPackages = ["musl", "musl-tools", "g++"];
export const linuxMuslArm64Packages = ["qemu-user-static", "g++-aarch64-linux-gnu"];

/**
 * Makes libstdc++.so.6 for musl.
 * @param compiler Compiles with musl's headers.
 * @param archives Names the archives of Debian's libstdc++.
 * @param libc What musl is linked by.
 */
function makeLibrary(compiler: Command, archives: Command, libc: string, folder: string): void {
  const archive = (name: string) => succeed(archives, [`-print-file-name=${name}`]).stdout.trim();
  const flags = ["-O1", "-fPIC", "-shared", "-fno-tree-loop-distribute-patterns", "-nostdlib"];
  const whole = ["-Wl,--whole-archive", archive("libstdc++.a"), "-Wl,--no-whole-archive"];
  const rest = [archive("libgcc_eh.a"), archive("libgcc.a"), libc];
  const output = ["-Wl,-soname,libstdc++.so.6", "-o", join(folder, "libstdc++.so.6")];
  succeed(compiler, [...flags, ...output, join(root, "test/platforms/musl/shim.c"), ...whole, ...rest]);
}

interface Machine {
  readonly target: keyof typeof binaries;
  readonly bun: Command;
  readonly env: Readonly<Record<string, string>>;
  /** Those that must be there, best first. */
  readonly isas: readonly string[];
  readonly program: string;
}

async function checkMachine({ target, bun, env, isas, program }: Machine): Promise<void> {
  await check(`${target}: bits (short)`, () =>
    checkBits(bun, "short", { env: { ...env, RMSPROP_NATIVE_PATH: binary(target) }, isas, timeout: 900 }),
  );
  await check(`${target}: smoke`, async () => {
    binary(target);
    // On arm64 the steps alone: worker threads of Bun under qemu did not end within ten minutes.
    return smokeIn(await installed(target), bun, { env, program, timeout: 600 }, { isa: isas[0] as string });
  });
}

export async function linuxMusl(): Promise<void> {
  const compiler = debian("musl-gcc", "musl-tools");
  const libc = debian("/lib/x86_64-linux-musl/libc.so", "musl");
  const folder = projectFolder("musl");
  makeLibrary([compiler], ["g++"], libc, folder);
  symlinkSync(libc, join(folder, "libc.musl-x86_64.so.1"));
  await checkMachine({
    target: "linux-x64-musl",
    bun: [tool("@oven", "bun-linux-x64-musl", "bin", "bun"), "run"],
    env: { LD_LIBRARY_PATH: folder },
    isas: isasHere(),
    program: "whole",
  });
}

/** Debian's musl for arm64, in a folder: this machine's packages and their lists stay as they are. */
function muslForArm64(): string {
  const folder = projectFolder("musl-arm64");
  const apt = debian("apt-get", "apt");
  for (const path of ["lists/partial", "cache/archives/partial"]) succeed(["mkdir"], ["-p", join(folder, path)]);
  const places = [`Dir::State::Lists=${join(folder, "lists")}`, `Dir::Cache=${join(folder, "cache")}`];
  const options = ["APT::Architectures::=amd64", "APT::Architectures::=arm64", ...places].flatMap((o) => ["-o", o]);
  succeedInTwo([apt], [...options, "-q", "update"], { cwd: folder });
  succeedInTwo([apt], [...options, "-q", "download", "musl:arm64", "musl-dev:arm64"], { cwd: folder });
  const system = join(folder, "root");
  succeed(["sh"], ["-c", `for package in *.deb; do dpkg -x "$package" '${system}'; done`], { cwd: folder });
  return system;
}

export async function linuxMuslArm64(): Promise<void> {
  const qemu = debian("qemu-aarch64-static", "qemu-user-static");
  const archives: Command = [debian("aarch64-linux-gnu-g++", "g++-aarch64-linux-gnu")];
  const compiler: Command = [debian("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu")];
  const system = muslForArm64();
  const libc = join(system, "lib", "aarch64-linux-musl", "libc.so");
  const own = succeed(compiler, ["-print-file-name=include"]).stdout.trim();
  const headers = ["-nostdinc", "-isystem", join(system, "usr", "include", "aarch64-linux-musl"), "-isystem", own];
  makeLibrary([...compiler, ...headers], archives, libc, join(system, "lib"));
  symlinkSync("aarch64-linux-musl/libc.so", join(system, "lib", "libc.musl-aarch64.so.1"));
  const bun = tool("@oven", "bun-linux-aarch64-musl", "bin", "bun");
  await checkMachine({
    target: "linux-arm64-musl",
    bun: [qemu, "-L", system, "-E", "LD_LIBRARY_PATH=/lib", bun, "run"],
    env: {},
    isas: ["neon"],
    program: "steps",
  });
}
