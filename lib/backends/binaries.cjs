// The binaries that the package ships, by the system they are for. CommonJS with a literal path each: it is what bundlers
// and tracers of files follow, and what they put in the place of it when they copy the binary elsewhere.

exports.binaries = {
  "linux-x64-glibc": {
    file: "prebuilds/linux-x64/rmsprop.glibc.node",
    load: () => require("../../prebuilds/linux-x64/rmsprop.glibc.node"),
  },
  "linux-x64-musl": {
    file: "prebuilds/linux-x64/rmsprop.musl.node",
    load: () => require("../../prebuilds/linux-x64/rmsprop.musl.node"),
  },
  "linux-arm64-glibc": {
    file: "prebuilds/linux-arm64/rmsprop.glibc.node",
    load: () => require("../../prebuilds/linux-arm64/rmsprop.glibc.node"),
  },
  "linux-arm64-musl": {
    file: "prebuilds/linux-arm64/rmsprop.musl.node",
    load: () => require("../../prebuilds/linux-arm64/rmsprop.musl.node"),
  },
  "linux-arm-glibc": {
    file: "prebuilds/linux-arm/rmsprop.glibc.node",
    load: () => require("../../prebuilds/linux-arm/rmsprop.glibc.node"),
  },
  "darwin-x64": {
    file: "prebuilds/darwin-x64/rmsprop.node",
    load: () => require("../../prebuilds/darwin-x64/rmsprop.node"),
  },
  "darwin-arm64": {
    file: "prebuilds/darwin-arm64/rmsprop.node",
    load: () => require("../../prebuilds/darwin-arm64/rmsprop.node"),
  },
  "win32-x64": {
    file: "prebuilds/win32-x64/rmsprop.node",
    load: () => require("../../prebuilds/win32-x64/rmsprop.node"),
  },
  "win32-arm64": {
    file: "prebuilds/win32-arm64/rmsprop.node",
    load: () => require("../../prebuilds/win32-arm64/rmsprop.node"),
  },
};

exports.folder = typeof __dirname === "string" ? __dirname : undefined;

exports.loadBuild = (packageFolder) => require("node-gyp-build")(packageFolder);

// The kernels' WebAssembly module, in base64.
exports.loadWasm = () => require("../../prebuilds/wasm/kernels.js").default;
