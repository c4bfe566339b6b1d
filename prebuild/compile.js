// One target: native/build.json's sources with its flags, compiled and linked by zig.
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join, relative } from "node:path";
import { packageFile, root, runZig } from "./toolchain.js";

const { sources, kernelSource, flags, kernelFlags, defines, instructionSets } = createRequire(import.meta.url)(
  "../native/build.json",
);

/**
 * Nothing of where and when it was compiled goes in, so that it comes out byte for byte the same.
 * @param {string} folder Where it is compiled.
 */
export const compilerFlags = (folder) => [
  ...["-g0", "-DNDEBUG", "-ffunction-sections", "-fdata-sections"],
  `-ffile-prefix-map=${folder}=.`,
];

/** -Os is for zig's own C++ library, which is compiled when a target is first linked; no loop over elements is in it. */
export const linkerFlags = ["-Os", "-Wl,-s", "-Wl,--gc-sections"];

/**
 * Windows links against a program of one name, but whoever embeds Node calls it otherwise. So Node-API's functions, which
 * its headers declare as imported, are looked up in the running program when the add-on is loaded.
 */
function hostImports() {
  const { symbols } = createRequire(import.meta.url)("node-api-headers");
  const names = [...new Set([...symbols.v8.js_native_api_symbols, ...symbols.v8.node_api_symbols])].sort();
  return `#define WIN32_LEAN_AND_MEAN
#include <windows.h>

${names.map((name) => `void* __imp_${name};`).join("\n")}

static const struct {
  const char* name;
  void** slot;
} imports[] = {
${names.map((name) => `    {"${name}", &__imp_${name}},`).join("\n")}
};

__attribute__((constructor)) static void find_imports(void) {
  const HMODULE hosts[] = {GetModuleHandleA(0), GetModuleHandleA("node.dll"), GetModuleHandleA("libnode.dll"),
                           GetModuleHandleA("node.exe")};
  for (unsigned i = 0; i < sizeof imports / sizeof *imports; ++i) {
    for (unsigned h = 0; h < sizeof hosts / sizeof *hosts && !*imports[i].slot; ++h) {
      if (hosts[h]) *imports[i].slot = (void*)GetProcAddress(hosts[h], imports[i].name);
    }
  }
}
`;
}

/**
 * @param {import("./targets.js").Target} target
 * @param {string} folder Where objects and what is generated go, in the repository.
 * @param {string} output The binary.
 * @param {string} cache zig's folder of what it has compiled before.
 * @returns {Promise<string[]>} what the compiler warned of
 */
export async function compile(target, folder, output, cache) {
  const { platform, architecture } = target;
  const objects = join(folder, target.name);
  mkdirSync(join(root, objects), { recursive: true });
  mkdirSync(dirname(output), { recursive: true });
  const env = { ZIG_LOCAL_CACHE_DIR: cache };
  const machine = ["-target", target.zig, ...(target.cpu ? [`-mcpu=${target.cpu}`] : [])];
  const common = [...machine, ...compilerFlags(root), ...(platform === "win32" ? [] : ["-fPIC"])];
  const generate = (name, text) => {
    const file = join(objects, name);
    writeFileSync(join(root, file), text);
    return file;
  };
  const include = (name, folder = "") => relative(root, join(dirname(packageFile(`${name}/package.json`)), folder));
  const headers = ["-isystem", include("node-addon-api"), "-isystem", include("node-api-headers", "include")];

  const units = Object.entries(instructionSets[architecture]).map(([isa, isaFlags]) => ({
    object: `kernels-${isa}.o`,
    args: ["c++", ...common, ...flags, ...kernelFlags, ...isaFlags, `-DRMSPROP_ISA=${isa}`, "-c", kernelSource],
  }));
  for (const source of sources) {
    const seesNode = source.startsWith("native/binding/");
    // On Windows the headers declare Node's functions as imported where this is defined.
    const extra = seesNode ? ["-DBUILDING_NODE_EXTENSION", ...defines.map((name) => `-D${name}`), ...headers] : [];
    units.push({ object: `${basename(source, ".cpp")}.o`, args: ["c++", ...common, ...flags, ...extra, "-c", source] });
  }
  if (platform === "win32") {
    const source = generate("host-imports.c", hostImports());
    units.push({ object: "host-imports.o", args: ["cc", ...common, "-O2", "-c", source] });
  }
  const warnings = await Promise.all(
    units.map(({ object, args }) => runZig([...args, "-o", join(objects, object)], env)),
  );

  const exported = {
    linux: () => ["-Wl,--version-script=native/exports.map"],
    darwin: () => ["-Wl,-undefined,dynamic_lookup", `-Wl,-install_name,@rpath/${basename(target.file)}`],
    win32: () => [],
  }[platform]();
  const files = units.map(({ object }) => join(objects, object));
  // Linkers for Windows put an import library beside the binary, which nobody needs.
  const binary = join(objects, basename(target.file));
  await runZig(["c++", "-shared", ...machine, ...linkerFlags, ...exported, "-o", binary, ...files], env);
  copyFileSync(join(root, binary), output);
  return warnings.filter((text) => text !== "");
}
