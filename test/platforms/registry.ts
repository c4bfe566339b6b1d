// A registry on this machine's loopback that holds the packed package and what it depends on, and knows no other.
import { spawn } from "node:child_process";
import { mkdirSync, openSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { dependencies, packed, projectFolder } from "./packed.ts";
import { root, succeed } from "./shell.ts";
import { tool } from "./tools.ts";

/** For verdaccio and npm 12, which ask for Node 22. */
export const newerNode = () => tool("node-22", "bin", "node");

/** A port that nothing listens at. */
export const freePort = () =>
  new Promise<number>((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });

/** Waits until a server answers. */
export async function answers(url: string): Promise<void> {
  for (let i = 0; i < 300; i++) {
    const answered = await fetch(url).then(
      ({ ok }) => ok,
      () => false,
    );
    if (answered) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`Expected ${url} to answer within 30 seconds.`);
}

export interface Registry {
  readonly url: string;
  close(): void;
}

/** Starts verdaccio and publishes what an installation of the package needs. */
export async function startRegistry(): Promise<Registry> {
  const folder = projectFolder("registry");
  const port = await freePort();
  const address = `127.0.0.1:${port}`;
  const config = {
    storage: join(folder, "storage"),
    uplinks: {},
    packages: { "**": { access: "$all", publish: "$all" } },
    max_body_size: "50mb",
    log: { type: "stdout", format: "json", level: "warn" },
  };
  const file = join(folder, "config.yaml");
  writeFileSync(file, JSON.stringify(config)); // JSON is YAML
  const log = openSync(join(folder, "log.txt"), "w");
  const args = [tool("verdaccio", "bin", "verdaccio"), "--config", file, "--listen", address];
  const child = spawn(newerNode(), args, { cwd: folder, stdio: ["ignore", log, log] });
  try {
    const url = `http://${address}/`;
    await answers(`${url}-/ping`);
    const npmrc = join(folder, "npmrc");
    writeFileSync(npmrc, `registry=${url}\n//${address}/:_authToken=anyone\n`);
    const publish = (what: string) =>
      succeed([newerNode()], [tool("npm-11", "bin", "npm-cli.js"), "publish", "--ignore-scripts", what], {
        cwd: folder,
        env: { npm_config_userconfig: npmrc, npm_config_cache: join(folder, "cache") },
      });
    publish(packed());
    for (const dependency of dependencies()) publish(join(root, "node_modules", dependency));
    return { url, close: () => child.kill() };
  } catch (error) {
    child.kill();
    throw error;
  }
}

/** A folder whose only programs are Node and a shell: no compiler, no make, no Python. */
export function pathWithoutCompiler(folder: string): string {
  const path = join(folder, "path");
  mkdirSync(path, { recursive: true });
  succeed(["ln"], ["-sf", newerNode(), join(path, "node")]);
  succeed(["ln"], ["-sf", "/bin/sh", join(path, "sh")]);
  return path;
}
