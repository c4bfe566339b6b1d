import { build } from "esbuild";

await build({
  entryPoints: ["program.mjs"],
  outfile: "dist/program.cjs",
  bundle: true,
  platform: "node",
  external: ["rmsprop"],
});
