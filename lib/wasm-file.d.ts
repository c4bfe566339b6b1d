// The generated module, which a checkout need not have.
declare module "*/prebuilds/wasm/kernels.js" {
  const base64: string;
  export default base64;
}

// The same, as the build puts it beside the entry points.
declare module "*/kernels.wasm" {
  const module: WebAssembly.Module;
  export default module;
}
