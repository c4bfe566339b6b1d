import { expect, test } from "vitest";
import { presetsPage } from "./support/presets-page.ts";

test("docs/presets.md is current; npm run docs makes it anew", async () => {
  await expect(presetsPage).toMatchFileSnapshot("../docs/presets.md");
});
