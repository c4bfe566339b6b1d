// The entry point `rmsprop/tfjs`. The package's own, which it stands on, chooses the backend.
import "../index.ts";

export * from "./api.ts";
