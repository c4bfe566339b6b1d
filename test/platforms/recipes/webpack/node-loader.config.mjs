export default {
  target: "node",
  mode: "production",
  entry: "./program.mjs",
  output: { filename: "program.cjs" },
  module: { rules: [{ test: /\.node$/, loader: "node-loader" }] },
};
