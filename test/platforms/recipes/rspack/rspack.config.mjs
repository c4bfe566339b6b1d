export default {
  target: "node",
  mode: "production",
  entry: "./program.mjs",
  output: { filename: "program.cjs" },
  externals: { rmsprop: "commonjs rmsprop" },
};
