export default {
  input: "program.mjs",
  output: { file: "dist/program.mjs" },
  external: ["rmsprop"],
};
