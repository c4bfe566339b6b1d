// What allocate() gives where buffers over other memory are forbidden (no-external-buffers.cjs).
import { allocate, backend, RMSprop } from "../../dist/index.js";
import { binding } from "./binding.js";

const model = allocate({ w: [1000], b: [3], empty: [0] });
const optimizer = new RMSprop(model.parameters, { lr: 1, alpha: 0, eps: 0 });
const arrays = [...Object.values(model.params), ...Object.values(model.grads), optimizer.state("w").squareAvg];
const shared = arrays.filter(({ length }) => length > 0).map(({ buffer }) => buffer instanceof SharedArrayBuffer);
const aligned = arrays.filter(({ length }) => length > 0).map((array) => binding.address(array) % 64 === 0);
const zero = arrays.every((array) => array.every((value) => Object.is(value, 0)));
model.grads.w.fill(1);
optimizer.step();
await optimizer.stepAsync();
const right = model.params.w.every((value) => value === -2);
const codes = [];
const attempt = (action) => {
  try {
    action();
  } catch ({ code }) {
    codes.push(code);
  }
};
model.dispose();
attempt(() => optimizer.step());
attempt(() => new RMSprop(model.parameters));
optimizer.dispose();
console.log(JSON.stringify({ backend: backend.name, shared, aligned, zero, right, codes }));
