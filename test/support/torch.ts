// What test/peers/run_torch.py writes and draws.
import { uniformFrom } from "./cases.ts";

/** Our name of an option or a state array of PyTorch's. */
export const ours = (name: string) =>
  name === "initial_accumulator_value"
    ? "initialAccumulator"
    : name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());

export const decode = (text: string) => {
  const bytes = Buffer.from(text, "base64");
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
};

/** As peers/run_torch.py draws. */
export function drawsOf(seed: number): () => number {
  const value = uniformFrom(seed);
  const kind = uniformFrom(seed + 1);
  return () => {
    const x = 2 * value() - 1;
    const k = kind();
    return x * (k < 0.05 ? 0 : k < 0.1 ? 2 ** -80 : k < 0.15 ? 2 ** 10 : 1);
  };
}
