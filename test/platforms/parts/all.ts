// The parts of the tests on platforms, in order.
import type { Extent } from "../bits.ts";
import type { Tools } from "../tools.ts";
import { buffers } from "./buffers.ts";
import { bundlers } from "./bundlers.ts";
import { commandsPart } from "./commands.ts";
import { damage } from "./damage.ts";
import { endingsPart } from "./endings.ts";
import { linuxArm, linuxArmPackages } from "./linux-arm.ts";
import { linuxMusl, linuxMuslArm64, linuxMuslArm64Packages, linuxMuslPackages } from "./linux-musl.ts";
import { linuxX64 } from "./linux-x64.ts";
import { managersPart } from "./managers.ts";
import { recipesPart } from "./recipes.ts";
import { runtimesPart } from "./runtimes.ts";
import { tfjsPart } from "./tfjs.ts";
import { wasm, wasmPackages } from "./wasm.ts";
import { windows, windowsPackages } from "./windows.ts";
import { workersPart } from "./workers.ts";

export interface Settings {
  /** How much of the bit tests runs where it is a matter of choice. */
  readonly extent: Extent;
}

export interface Part {
  readonly run: (settings: Settings) => Promise<void>;
  /** Debian packages that it needs, beside what any machine has. */
  readonly packages?: readonly string[];
  /** Tools that it alone needs. */
  readonly tools?: Tools;
  /** Left out of the quick selection. */
  readonly long?: boolean;
}

export const parts: Readonly<Record<string, Part>> = {
  "linux-x64": { run: linuxX64, packages: ["qemu-user-static"] },
  runtimes: { run: runtimesPart },
  workers: { run: workersPart },
  endings: { run: endingsPart },
  managers: { run: managersPart },
  commands: { run: commandsPart },
  tfjs: { run: tfjsPart, long: true },
  bundlers: { run: bundlers },
  recipes: { run: ({ extent }) => recipesPart({ long: extent === "whole" }), tools: "recipes", long: true },
  damage: { run: damage },
  wasm: { run: wasm, packages: wasmPackages },
  buffers: { run: buffers },
  "linux-musl": { run: linuxMusl, packages: linuxMuslPackages },
  "linux-arm": { run: linuxArm, packages: linuxArmPackages },
  "linux-musl-arm64": { run: linuxMuslArm64, packages: linuxMuslArm64Packages, long: true },
  windows: { run: windows, packages: windowsPackages, long: true },
};
