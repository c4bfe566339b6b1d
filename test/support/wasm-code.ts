/** The code of each function of a WebAssembly module, by its number; it must import none. */
export function functionBodies(module: Uint8Array): Uint8Array[] {
  let at = 8; // after the magic number and the version
  const number = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = module[at++] as number;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  };
  const codeSection = 10;
  const importSection = 2;
  while (at < module.length) {
    const section = module[at++];
    const end = number() + at;
    if (section === importSection) throw new Error("Expected a module that imports nothing.");
    if (section === codeSection) {
      return Array.from({ length: number() }, () => {
        const length = number();
        at += length;
        return module.subarray(at - length, at);
      });
    }
    at = end;
  }
  throw new Error("Expected a module with code.");
}

/** Vector instructions as they are encoded: the prefix, then a number in LEB128. */
export const vectorInstructions = {
  float32: { add: [0xfd, 0xe4, 0x01], div: [0xfd, 0xe7, 0x01], mul: [0xfd, 0xe6, 0x01], sqrt: [0xfd, 0xe3, 0x01] },
  float64: { add: [0xfd, 0xf0, 0x01], div: [0xfd, 0xf3, 0x01], mul: [0xfd, 0xf2, 0x01], sqrt: [0xfd, 0xef, 0x01] },
} as const;

/** Whether bytes are in a function's code. They are not decoded, so that a constant could hold them too. */
export const holds = (code: Uint8Array, bytes: readonly number[]) => Buffer.from(code).includes(Buffer.from(bytes));

/** The functions that a function's code may call, by their numbers; its bytes are not decoded, so others may be among them. */
export function callsIn(code: Uint8Array): number[] {
  const call = 0x10;
  return Array.from(code).flatMap((byte, i) => {
    if (byte !== call) return [];
    let [value, at, shift] = [0, i + 1, 0];
    for (; (code[at] as number) >= 0x80 && shift < 28; at++, shift += 7)
      value += ((code[at] as number) & 0x7f) << shift;
    return [value + ((code[at] ?? 0) << shift)];
  });
}
