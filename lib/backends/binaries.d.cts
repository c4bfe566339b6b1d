import type { NativeBinding } from "./native.ts";

interface ShippedBinary {
  /** Its path in the package. */
  readonly file: string;
  load(): NativeBinding;
}

/** By the system that each is for (`targetOf`). */
export declare const binaries: Readonly<Record<string, ShippedBinary>>;

/** The folder of binaries.cjs; undefined where it was bundled into an ES module. */
export declare const folder: string | undefined;

/** Loads what node-gyp or cmake-js built on the spot. */
export declare function loadBuild(packageFolder: string): NativeBinding;

/** The kernels' WebAssembly module, in base64. */
export declare function loadWasm(): string;
