import { expect, test } from "vitest";
import { makeApiPage } from "./support/api-page.ts";
import { optionsPage } from "./support/options-page.ts";
import { pages, textOf } from "./support/pages.ts";
import { presetsPage } from "./support/presets-page.ts";

test.each([
  ["api.md", makeApiPage],
  ["options.md", () => optionsPage],
  ["presets.md", () => presetsPage],
])("docs/%s is current; npm run docs makes it anew", async (file, make) => {
  await expect(await make()).toMatchFileSnapshot(`../docs/${file}`);
});

test.each(pages)("%s has no code spans that touch, which would be one with the backticks in it", (page) => {
  const prose = textOf(page).replace(/^```.*?^```$/gms, "");
  expect(prose.match(/.*`\w[^`]*``[^`].*/g) ?? []).toEqual([]);
});
