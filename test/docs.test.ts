import { expect, test } from "vitest";
import { optionsPage } from "./support/options-page.ts";
import { presetsPage } from "./support/presets-page.ts";

test.each([
  ["options.md", optionsPage],
  ["presets.md", presetsPage],
])("docs/%s is current; npm run docs makes it anew", async (file, page) => {
  await expect(page).toMatchFileSnapshot(`../docs/${file}`);
});
