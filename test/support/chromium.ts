// Pages in headless Chromium, from a server on this machine. A page reports by one request.
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";

/** Without the sanitizer that this process may run under: it hangs the browser, and nothing native of ours runs there. */
const env = { ...process.env, LD_PRELOAD: undefined };

/** The browser's program, or undefined where there is none. */
export const chromium = [process.env.CHROMIUM, "chromium", "chromium-browser", "google-chrome"].find(
  (program) => program && spawnSync(program, ["--version"], { env }).status === 0,
);

export interface Page {
  /** HTML before the script, whose own modules run first. */
  readonly html?: string;
  /** A module's code; `report(value)` ends the page. */
  readonly script: string;
  /** Headers of its response. */
  readonly headers?: Readonly<Record<string, string>>;
}

const types: Readonly<Record<string, string>> = { ".js": "text/javascript", ".html": "text/html" };

const before = `
globalThis.report = (value) => fetch("/report", { method: "POST", body: JSON.stringify(value) });
addEventListener("error", ({ message }) => report({ error: message }));
addEventListener("unhandledrejection", ({ reason }) => report({ error: String(reason?.stack ?? reason) }));
`;

async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = "";
  for await (const chunk of request) body += chunk;
  return body;
}

/** Serves a page as /, and files by the folder that the first part of their path names. */
function serve(page: Page, folders: Readonly<Record<string, string>>, report: (text: string) => void): Server {
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const path = new URL(request.url ?? "/", "http://localhost").pathname;
    if (path === "/report") {
      report(await bodyOf(request));
      response.end();
      return;
    }
    if (path === "/") {
      response.writeHead(200, { "content-type": "text/html", ...page.headers });
      response.end(
        `<!doctype html><script>${before}</script>${page.html ?? ""}<script type="module">${page.script}</script>`,
      );
      return;
    }
    const [, name = "", ...rest] = path.split("/");
    try {
      const content = readFileSync(join(folders[name] as string, ...rest));
      // What a page that is isolated from others may load, workers among it.
      const isolation = page.headers?.["cross-origin-embedder-policy"];
      const headers = isolation ? { "cross-origin-embedder-policy": isolation } : {};
      response.writeHead(200, { "content-type": types[extname(path)] ?? "application/octet-stream", ...headers });
      response.end(content);
    } catch {
      response.writeHead(404).end();
    }
  };
  return createServer((request, response) => void answer(request, response));
}

/**
 * Opens a page and returns what it reports.
 * @param folders What is served, by the first part of its path.
 */
export async function open<T>(page: Page, folders: Readonly<Record<string, string>>, timeout = 40_000): Promise<T> {
  let settle: (text: string) => void = () => {};
  const reported = new Promise<string>((resolve) => {
    settle = resolve;
  });
  const server = serve(page, folders, settle);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const profile = mkdtempSync(join(tmpdir(), "rmsprop-chromium-"));
  const flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"];
  const args = [...flags, `--user-data-dir=${profile}`, `http://127.0.0.1:${port}/`];
  const browser = spawn(chromium as string, args, { env, stdio: ["ignore", "ignore", "pipe"] });
  let stderr = "";
  browser.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const ended = new Promise<void>((resolve) => browser.once("close", () => resolve()));
  const timer = setTimeout(() => browser.kill("SIGKILL"), timeout);
  try {
    const text = await Promise.race([reported, ended.then(() => undefined)]);
    if (text === undefined) throw new Error(`Expected the page to report, but Chromium ended:\n${stderr.slice(-2000)}`);
    const value = JSON.parse(text);
    if (value.error) throw new Error(`The page failed: ${value.error}`);
    return value;
  } finally {
    clearTimeout(timer);
    browser.kill();
    await ended;
    server.closeAllConnections();
    server.close();
    // Processes of the browser may write a moment longer than it runs.
    rmSync(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
}
