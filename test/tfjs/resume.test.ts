// A training that is saved with its optimizer goes on in a fresh process as if it had not ended, and threads train alike.
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../support/folder.ts";
import { report } from "../support/programs.ts";
import { backendNames } from "./support/tensorflow.ts";

interface Found {
  readonly hash: string;
  readonly loss: number;
  readonly isOurs: boolean;
  readonly iterations: number;
}

describe.each(backendNames)("on the %s backend", (backend) => {
  it("20 steps, saved, and 20 more in a fresh process are 40 steps, ours and TensorFlow.js's", {
    timeout: 240_000,
  }, async () => {
    const folder = temporaryFolder();
    const fileOf = (whose: string) => join(folder, `${whose}.json`);
    const save = (whose: string) => report<Found>("tfjs-resume", { args: [backend, whose, "save", fileOf(whose)] });
    const load = (saved: string, loaded: string) =>
      report<Found>("tfjs-resume", { args: [backend, loaded, "load", fileOf(saved)] });
    const [ours, theirs] = await Promise.all([save("ours"), save("theirs")]);
    expect(theirs).toMatchObject({ isOurs: false, iterations: 40 });
    expect(ours).toEqual({ ...theirs, isOurs: true });
    const [oursOurs, theirsOurs] = await Promise.all([load("ours", "ours"), load("theirs", "ours")]);
    expect(oursOurs).toEqual(ours);
    expect(theirsOurs).toEqual(ours);
    expect(await load("ours", "theirs")).toEqual(theirs);
  });

  it("5 threads that train at once end with the same bits", { timeout: 240_000 }, async () => {
    const { hashes, theirs } = await report<{ hashes: string[]; theirs: string }>("tfjs-workers", {
      args: [backend, 4],
    });
    expect(hashes).toEqual(Array.from({ length: 5 }, () => theirs));
  });
});
