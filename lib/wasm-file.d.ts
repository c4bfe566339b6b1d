// The generated module, which a checkout need not have.
declare module "*/prebuilds/wasm/kernels.js" {
  const base64: string;
  export default base64;
}
