// `rmsprop/tfjs` beside TensorFlow.js, both installed by package managers from a registry, in an empty folder.
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { publishInstalled, startRegistry } from "../registry.ts";
import { check, expectEqual } from "../report.ts";
import { root, run, succeed } from "../shell.ts";
import { node } from "../tools.ts";
import { install, type ManagerName } from "./managers.ts";

/** Not yarn's Plug'n'Play: TensorFlow.js itself does not load there, because it names not all that it depends on. */
const managers: readonly ManagerName[] = ["npm 11", "pnpm 12", "yarn 4, node_modules"];

const platforms = join(root, "test", "platforms");

/** Checks the types of a program, ours among them. Those of TensorFlow.js have errors of their own, with strict types. */
function checkTypes(folder: string): void {
  cpSync(join(platforms, "typed", "tfjs.ts"), join(folder, "tfjs.ts"));
  const compilerOptions = {
    ...{ noEmit: true, strict: true, skipLibCheck: false, target: "es2022", lib: ["es2022", "dom"], types: [] },
    ...{ module: "nodenext", moduleResolution: "nodenext" },
  };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["tfjs.ts"] }));
  const { stdout } = run(node, [join(root, "node_modules", "typescript", "bin", "tsc"), "-p", folder], { cwd: folder });
  const errors = stdout.split("\n").filter((line) => /^(tfjs\.ts|\S*node_modules\/rmsprop\/)/.test(line));
  if (errors.length > 0) throw new Error(`Expected no error in types of ours, found ${errors.join("\n")}`);
}

export async function tfjsPart(): Promise<void> {
  const registry = await startRegistry();
  const parent = mkdtempSync(join(tmpdir(), "rmsprop-tfjs-"));
  try {
    await publishInstalled(registry, ["@tensorflow/tfjs"]);
    for (const name of managers) {
      await check(`${name}: a model of TensorFlow.js trains with ours`, () => {
        const { folder, env, runtime } = install(name, registry.url, true, parent, ["rmsprop", "@tensorflow/tfjs"]);
        cpSync(join(platforms, "programs", "tfjs.mjs"), join(folder, "tfjs.mjs"));
        const { stdout } = succeed(runtime, [join(folder, "tfjs.mjs")], { cwd: folder, env });
        const { backend, isSame, losses } = JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
        expectEqual(backend, "native", "the backend");
        expectEqual(isSame, true, "whether TensorFlow.js's own optimizer has the same bits");
        expectEqual(losses[0], 64, "the first loss");
        checkTypes(folder);
        return undefined;
      });
      await check(`${name}: without TensorFlow.js`, () => {
        const { folder, env, runtime } = install(name, registry.url, true, parent);
        writeFileSync(join(folder, "package-loads.mjs"), loads);
        const { stdout, stderr } = run(runtime, [join(folder, "package-loads.mjs")], { cwd: folder, env });
        expectEqual(stdout.trim(), "native function function", `what loads (${stderr})`);
        return undefined;
      });
    }
  } finally {
    registry.close();
    rmSync(parent, { recursive: true, force: true });
  }
}

const loads = `
import { backend, RMSprop } from "rmsprop";
import { createRMSProp } from "rmsprop/tfjs";
console.log(backend.name, typeof RMSprop, typeof createRMSProp);
`;
