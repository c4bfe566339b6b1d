// The entry point `rmsprop/tfjs` in browsers.
import "../browser.ts";

export * from "./api.ts";
