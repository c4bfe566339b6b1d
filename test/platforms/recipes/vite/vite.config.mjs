export default {
  build: { ssr: "program.mjs" },
  ssr: { noExternal: true, external: ["rmsprop"] },
};
