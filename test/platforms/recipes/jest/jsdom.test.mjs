/** @jest-environment jsdom */
import { backend } from "rmsprop";
import { decodeSafetensors, encodeSafetensors } from "rmsprop/checkpoint";

test("the browser's entry points", () => {
  const { tensors } = decodeSafetensors(encodeSafetensors([["w", { data: Float32Array.of(1) }]]));
  expect([backend.name, [...tensors.keys()]]).toEqual(["wasm", ["w"]]);
});
