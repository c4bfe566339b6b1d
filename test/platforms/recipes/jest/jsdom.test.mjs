/** @jest-environment jsdom */
import { backend } from "rmsprop";
import { decodeSafetensors, encodeSafetensors } from "rmsprop/checkpoint";

test("the browser's entry points", () => {
  const { tensors } = decodeSafetensors(encodeSafetensors({ w: { data: Float32Array.of(1), shape: [1] } }));
  expect([backend.name, Object.keys(tensors)]).toEqual(["wasm", ["w"]]);
});
