// What test/peers/run_torch.py writes and draws.
import { names } from "../peers/torch-names.ts";
import { uniformFrom } from "./cases.ts";

/** Our name of a state array of PyTorch's. */
export const ourSlot = (name: string): string => {
  const other = names[name];
  return typeof other === "string" ? other : name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
};

/** Our options of PyTorch's, of which one may be several of ours. */
export const ourOptions = (options: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(options).flatMap(([name, value]) => {
      const other = names[name];
      if (typeof other === "object") return other.map((own, i) => [own, (value as readonly unknown[])[i]] as const);
      return [[ourSlot(name), value] as const];
    }),
  );

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
