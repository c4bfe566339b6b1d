// Chromium over the built site, which cannot reach another host.
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { chromium as program } from "../../test/support/chromium.ts";

export async function launch(): Promise<Browser> {
  if (program === undefined) throw new Error("Expected Chromium on this machine, or its path in $CHROMIUM.");
  return chromium.launch({
    executablePath: program.includes("/") ? program : whichOf(program),
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-dev-shm-usage",
      "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    ],
  });
}

function whichOf(name: string): string {
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    if (existsSync(join(folder, name))) return join(folder, name);
  }
  throw new Error(`Expected ${name} on the path.`);
}

/** What went wrong on a page: messages, failed requests, requests to other hosts. */
export interface Watched {
  readonly page: Page;
  readonly problems: string[];
  /** The addresses that it asked for. */
  readonly requests: string[];
}

export async function watched(browser: Browser, origin: string, options: BrowserContextOptions = {}): Promise<Watched> {
  const context = await browser.newContext({ reducedMotion: "reduce", ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(120_000);
  const problems: string[] = [];
  const requests: string[] = [];
  page.on("console", (message) => problems.push(`console ${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => problems.push(`error: ${error.message}`));
  page.on("requestfailed", (request) => problems.push(`failed: ${request.url()} ${request.failure()?.errorText}`));
  page.on("response", (response) => {
    if (response.status() >= 400) problems.push(`${response.status()}: ${response.url()}`);
  });
  page.on("request", (request) => {
    const url = request.url();
    requests.push(url);
    if (!url.startsWith(origin) && !/^(?:data|blob):/.test(url)) problems.push(`another host: ${url}`);
  });
  return { page, problems, requests };
}
