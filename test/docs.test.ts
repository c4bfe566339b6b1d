import { expect, test } from "vitest";
import { makeApiPage } from "./support/api-page.ts";
import { optionsPage } from "./support/options-page.ts";
import { presetsPage } from "./support/presets-page.ts";

test.each([
  ["api.md", makeApiPage],
  ["options.md", () => optionsPage],
  ["presets.md", () => presetsPage],
])("docs/%s is current; npm run docs makes it anew", async (file, make) => {
  await expect(await make()).toMatchFileSnapshot(`../docs/${file}`);
});
