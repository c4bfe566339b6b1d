import { backend, RMSprop } from "rmsprop";

export default {
  fetch() {
    const w = { name: "w", data: Float32Array.of(1), grad: Float32Array.of(1) };
    new RMSprop([w], { lr: 0.5, alpha: 0 }).step();
    return new Response(`${backend.name} ${w.data[0]}`);
  },
};
