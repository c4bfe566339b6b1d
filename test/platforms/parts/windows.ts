// Windows on x64, by wine, with Node's own binaries, once named as Electron names its own: an add-on must not ask for
// NODE.EXE by name.
import { copyFileSync, existsSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { checkBits } from "../bits.ts";
import { binary, installed } from "../packed.ts";
import { check } from "../report.ts";
import { type Command, succeed, work } from "../shell.ts";
import { smokeIn } from "../smoke.ts";
import { debian, tool } from "../tools.ts";
import { isasHere } from "./linux-x64.ts";

export const windowsPackages = ["wine", "wine64"];

const prefix = join(work, "wine");
const env = { WINEPREFIX: prefix, WINEDEBUG: "-all", WINEDLLOVERRIDES: "mscoree,mshtml=" };

/** A Windows of its own, of a version that Node starts on. */
function wine(): Command {
  const command: Command = [debian("wine", "wine, wine64")];
  if (!existsSync(join(prefix, "system.reg"))) {
    mkdirSync(prefix, { recursive: true });
    succeed(command, ["wineboot", "-i"], { env });
    succeed(command, ["winecfg", "-v", "win10"], { env });
  }
  return command;
}

/** A path as Windows under wine names it. */
const windowsPath = (path: string) => `Z:${path.replaceAll("/", "\\")}`;

/** Node's binary under another name. */
function renamed(node: string): string {
  const copy = join(work, "electron", "electron.exe");
  mkdirSync(dirname(copy), { recursive: true });
  copyFileSync(node, copy);
  return copy;
}

export async function windows(): Promise<void> {
  const command = wine();
  const runtimes: Record<string, () => string> = {
    "Node 20": () => tool("node-windows-20", "bin", "node.exe"),
    "Node 22": () => tool("node-windows-22", "bin", "node.exe"),
    "Node 22 as electron.exe": () => renamed(tool("node-windows-22", "bin", "node.exe")),
  };
  const isas = isasHere();
  for (const [name, executable] of Object.entries(runtimes)) {
    await check(`win32-x64, ${name}: smoke`, async () => {
      binary("win32-x64");
      const folder = await installed("win32-x64");
      return smokeIn(folder, [...command, executable()], { env, timeout: 600 }, { isa: isas[0] as string });
    });
  }
  await check("win32-x64, Node 22: bits (short)", () =>
    checkBits([...command, tool("node-windows-22", "bin", "node.exe")], "short", {
      env: { ...env, RMSPROP_NATIVE_PATH: windowsPath(binary("win32-x64")) },
      isas,
      place: windowsPath,
      timeout: 900,
    }),
  );
}
