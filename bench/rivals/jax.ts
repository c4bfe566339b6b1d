import { pythonKind } from "./python.ts";

/** The formula in jax.numpy, compiled, its arrays given to the next step. */
export const jax = pythonKind({ name: "JAX", script: "jax_numpy.py", module: "jax" });
