// The entry point in browsers, which have no files.
export * from "./api.ts";
