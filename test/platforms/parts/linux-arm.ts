// Linux on arm64 and arm, emulated by qemu-user, with Node's own binaries for them.
import { join } from "node:path";
import { checkBits } from "../bits.ts";
import { bitsArguments, checkBitsCommand } from "../bits-command.ts";
import { type binaries, binary, installed } from "../packed.ts";
import { check } from "../report.ts";
import { type Command, root, succeed } from "../shell.ts";
import { smokeIn } from "../smoke.ts";
import { debian, tool } from "../tools.ts";
import type { Settings } from "./all.ts";

interface Machine {
  readonly target: keyof typeof binaries;
  readonly qemu: string;
  /** Its C library, with which qemu starts its programs. */
  readonly libraries: string;
  readonly libraryPackages: string;
  readonly node: string;
  readonly isa: string;
  /** How the runtime says of itself which it is. */
  readonly runtime: string;
  /** Node's own arguments. */
  readonly args?: readonly string[];
}

/** Gives a Node older than the package asks for what it lacks. */
const older = join(root, "test", "platforms", "older-node.cjs");

const machines: readonly Machine[] = [
  {
    target: "linux-arm64-glibc",
    qemu: "qemu-aarch64-static",
    libraries: "/usr/aarch64-linux-gnu",
    libraryPackages: "libc6-arm64-cross, libstdc++6-arm64-cross",
    node: "node-arm64",
    isa: "neon",
    runtime: "Node 22",
  },
  {
    target: "linux-arm-glibc",
    qemu: "qemu-arm-static",
    libraries: "/usr/arm-linux-gnueabihf",
    libraryPackages: "libc6-armhf-cross, libstdc++6-armhf-cross, libatomic1-armhf-cross",
    node: "node-arm",
    isa: "vfp",
    runtime: "Node 20",
    args: ["--require", older], // the newest Node for ARMv7 on npm is 20.11
  },
];

export const linuxArmPackages = [
  "qemu-user-static",
  ...machines.flatMap(({ libraryPackages }) => libraryPackages.split(", ")),
];

export async function linuxArm({ extent }: Settings): Promise<void> {
  for (const { target, qemu, libraries, libraryPackages, node, isa, runtime, args = [] } of machines) {
    const emulated = (): Command => [
      debian(qemu, "qemu-user-static"),
      ...["-L", debian(libraries, libraryPackages), tool(node, "bin", "node"), ...args],
    ];
    await check(`${target}: bits (short)`, () => {
      const env = { RMSPROP_NATIVE_PATH: binary(target) };
      return checkBits(emulated(), "short", { env, isas: [isa], timeout: 900 });
    });
    await check(`${target}: smoke`, async () => {
      binary(target);
      return smokeIn(await installed(target), emulated(), { timeout: 600 }, { isa });
    });
    await check(`${target}: rmsprop bits (${extent})`, async () => {
      binary(target);
      const cwd = await installed(target);
      const command = join(cwd, "node_modules", "rmsprop", "dist", "cli", "main.js");
      const { stdout } = succeed(emulated(), [command, ...bitsArguments(extent)], { cwd, timeout: 900 });
      return checkBitsCommand(stdout, extent, { runtime, isas: [isa, "wasm"] });
    });
  }
}
