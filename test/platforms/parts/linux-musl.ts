// Linux on x64 with musl: npm has Bun for it, Debian has musl, and musl/shim.c makes Debian's libstdc++ one for musl.
import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { checkBits } from "../bits.ts";
import { binary, emptyFolder, installed } from "../packed.ts";
import { check } from "../report.ts";
import { type Command, root, succeed } from "../shell.ts";
import { smokeIn } from "../smoke.ts";
import { debian, tool } from "../tools.ts";
import { isasHere } from "./linux-x64.ts";

export const linuxMuslPackages = ["musl", "musl-tools", "g++"];

const archive = (name: string) => succeed(["g++"], [`-print-file-name=${name}`]).stdout.trim();

/** A folder of the libraries that a program for musl asks for beside musl. */
function librariesForMusl(): string {
  const compiler = debian("musl-gcc", "musl-tools");
  const libc = debian("/lib/x86_64-linux-musl/libc.so", "musl");
  const folder = emptyFolder("musl");
  const flags = ["-O1", "-fPIC", "-shared", "-fno-tree-loop-distribute-patterns", "-nostdlib"];
  const whole = ["-Wl,--whole-archive", archive("libstdc++.a"), "-Wl,--no-whole-archive"];
  const rest = [archive("libgcc_eh.a"), archive("libgcc.a"), "-lc"];
  const output = ["-Wl,-soname,libstdc++.so.6", "-o", join(folder, "libstdc++.so.6")];
  succeed([compiler], [...flags, ...output, join(root, "test/platforms/musl/shim.c"), ...whole, ...rest]);
  symlinkSync(libc, join(folder, "libc.musl-x86_64.so.1"));
  return folder;
}

export async function linuxMusl(): Promise<void> {
  const libraries = librariesForMusl();
  const env = { LD_LIBRARY_PATH: libraries };
  const bun: Command = [tool("@oven", "bun-linux-x64-musl", "bin", "bun"), "run"];
  await check("linux-x64-musl: bits (short)", () =>
    checkBits(bun, "short", { env: { ...env, RMSPROP_NATIVE_PATH: binary("linux-x64-musl") }, isas: isasHere() }),
  );
  await check("linux-x64-musl: smoke", async () => {
    binary("linux-x64-musl");
    return smokeIn(await installed("linux-x64-musl"), bun, { env }, { isa: isasHere()[0] as string });
  });
}
