import { pythonKind } from "./python.ts";

/** PyTorch's optimizer as it is by default: one tensor after the other. */
export const torch = pythonKind("PyTorch", "pytorch.py", "torch", "default");

/** All tensors at once, operation by operation. */
export const foreachTorch = pythonKind("PyTorch foreach", "pytorch.py", "torch", "foreach");

/** The default form, compiled. */
export const compiledTorch = pythonKind("torch.compile", "pytorch.py", "torch", "compile");
