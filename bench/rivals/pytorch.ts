import { pythonKind } from "./python.ts";

const torchKind = (name: string, form: string, keeps = false) =>
  pythonKind({ name, script: "pytorch.py", module: "torch", args: [form], keeps });

/** PyTorch's optimizer as it is by default: one tensor after the other. */
export const torch = torchKind("PyTorch", "default");

/** All tensors at once, operation by operation. */
export const foreachTorch = torchKind("PyTorch foreach", "foreach");

/** Both as those run them who know what the system's allocator costs. */
export const keptTorch = torchKind("PyTorch, memory kept", "default", true);
export const keptForeachTorch = torchKind("PyTorch foreach, memory kept", "foreach", true);

/** The default form, compiled. */
export const compiledTorch = torchKind("torch.compile", "compile");
