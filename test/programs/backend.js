// Prints which backend a copy of the package has, why, and a digest of some steps: node backend.js ENTRY
import { createHash } from "node:crypto";

const { backend, RMSprop } = await import(process.argv[2]);
const data = Float32Array.from({ length: 20_011 }, (_, i) => (i % 97) / 97 - 0.5);
const grad = data.map((x) => x * x - 0.1);
const optimizer = new RMSprop([{ name: "x", data, grad }], { preset: "torch", centered: true, momentum: 0.9 });
for (let step = 0; step < 10; step++) optimizer.step();
const digest = createHash("sha256").update(data).digest("hex");
const { name, isa, threads, fallbackReason } = backend;
console.log(JSON.stringify({ name, isa, threads, fallbackReason, digest }));
