// The binary is an asset of the program: it is written to a file before the package is loaded.
const { mkdtempSync, writeFileSync } = require("node:fs");
const { tmpdir } = require("node:os");
const { join } = require("node:path");
const { getRawAsset } = require("node:sea");

const file = join(mkdtempSync(join(tmpdir(), "program-")), "rmsprop.node");
writeFileSync(file, new Uint8Array(getRawAsset("rmsprop.node")));
process.env.RMSPROP_NATIVE_PATH = file;

const { backend, RMSprop } = require("rmsprop");

const w = { name: "w", data: Float32Array.of(1), grad: Float32Array.of(1) };
new RMSprop([w], { lr: 0.5, alpha: 0 }).step();
console.log(backend.name, w.data[0]);
