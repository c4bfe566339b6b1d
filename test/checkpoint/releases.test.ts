// A checkpoint that any release wrote is read for ever, and going on from it has the bits that it had. The release itself
// writes it: `npm run release:checkpoint`, a part of `npm run release:version`.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { useBackend } from "../../lib/backends/current.ts";
import { decodeCheckpoint, loadCheckpoint } from "../../lib/checkpoint/index.ts";
import * as library from "../../lib/index.ts";
import { definitions } from "../../lib/optimizers/all.ts";
import { optimizerOptions, stageOptions } from "../../lib/options/stages.ts";
import { everyBackend, useOwnBackend } from "../support/every-backend.ts";
import { temporaryFolder } from "../support/folder.ts";
import { begin, bitsOf, type Kept, keepVersion, keptOf, keptVersions } from "../support/kept-checkpoints.ts";
import { rowOf } from "../support/optimizers/all.ts";

const writes = process.env.RMSPROP_RELEASE;
if (writes) keepVersion(writes);

const versions = keptVersions();

const bytesOf = ({ file }: Kept) => Buffer.from(file, "base64");

/** Goes on from a checkpoint that was loaded as `load` does. */
function goOn(kept: Kept, load: (training: ReturnType<typeof begin>) => unknown): unknown {
  const training = begin(kept);
  load(training);
  for (const gradients of kept.gradients) training.step(gradients);
  return bitsOf(training);
}

describe.each(versions)("a checkpoint of %s", (version) => {
  const all = keptOf(version);

  describe.each(Object.entries(everyBackend))("on %s", (_, backend) => {
    afterEach(useOwnBackend);

    test.each(all)("$name: is read, and goes on to the same bits", (kept) => {
      useBackend(backend);
      expect(goOn(kept, (training) => decodeCheckpoint(bytesOf(kept), training.parts))).toEqual(kept.after);
    });
  });

  test("is read from a file too", () => {
    const path = join(temporaryFolder(), "kept.safetensors");
    for (const kept of all) {
      writeFileSync(path, bytesOf(kept));
      const after = goOn(kept, (training) => expect(loadCheckpoint(path, training.parts).missing).toEqual([]));
      expect(after, kept.name).toEqual(kept.after);
    }
  });

  test("is what makes the bits: without it they are others", () => {
    for (const kept of all)
      expect(
        goOn(kept, () => {}),
        kept.name,
      ).not.toEqual(kept.after);
  });
});

test("the newest has every optimizer with all its state, preset, stage, schedule and number type", () => {
  const newest = versions.toSorted((a, b) => a.localeCompare(b, "en", { numeric: true })).at(-1) as string;
  const all = keptOf(newest);
  for (const { name, presets, rule } of definitions) {
    const own = all.filter(({ optimizer }) => optimizer === name);
    const options = own.map(({ options }) => options as { preset?: string });
    for (const preset of Object.keys(presets)) {
      expect(
        options.some((given) => given.preset === preset),
        `${name}, ${preset}`,
      ).toBe(true);
    }
    expect(options, name).toContainEqual(rowOf(name).fullest);
    const held = JSON.stringify(own.map(({ after }) => after));
    for (const slot of rule.slots) expect(held, `${name}, ${slot}`).toContain(`["${slot}",`);
  }
  const options = new Set(all.flatMap(({ options }) => Object.keys(options)));
  for (const stage of Object.keys({ ...stageOptions, ...optimizerOptions }))
    expect([...options], stage).toContain(stage);
  const schedules = JSON.stringify(all.map(({ lr }) => lr ?? null));
  for (const name of Object.keys(library.schedules)) expect(schedules).toContain(`"schedule":"${name}"`);
  const types = new Set(all.flatMap(({ groups }) => groups.flatMap(({ parameters }) => parameters.map((p) => p.type))));
  expect([...types].sort()).toEqual(["float32", "float64"]);
});
