import { loadAddon } from "../addon.ts";
import { type ContenderKind, firstParam, repeated } from "./contender.ts";

/** A Node-API function that does nothing: what any native step costs at least. */
export const emptyCall: ContenderKind = {
  name: "empty call",
  steps: false,
  against: "native",
  async create(work) {
    const { empty } = loadAddon(work.isa);
    return { run: repeated(empty), param: () => firstParam(work) };
  },
};
