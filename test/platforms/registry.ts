// A registry on this machine's loopback that holds the packed package and what it depends on, and knows no other.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
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
    max_body_size: "200mb",
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

/** A package as it is installed, and where. */
interface Installed {
  readonly name: string;
  readonly version: string;
  readonly folder: string;
  readonly manifest: object;
}

/** Packages of this checkout's node_modules with all that they depend on, each version once. */
function installedWith(names: readonly string[]): Installed[] {
  const all = new Map<string, Installed>();
  const visit = (name: string, from: string) => {
    const folder = join(from, "node_modules", name);
    if (!existsSync(join(folder, "package.json"))) {
      if (from !== root) visit(name, dirname(from)); // else a peer that nobody asked for
      return;
    }
    const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const id = `${name}@${manifest.version}`;
    if (all.has(id)) return;
    all.set(id, { name, version: manifest.version, folder, manifest });
    for (const other of Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })) visit(other, folder);
  };
  for (const name of names) visit(name, root);
  return [...all.values()];
}

/**
 * Publishes packages that are installed here, with all that they depend on, by the registry's own interface: npm would take
 * the registry that a package names for itself. Source maps stay behind; they are half of what TensorFlow.js has.
 */
export async function publishInstalled({ url }: Registry, names: readonly string[]): Promise<void> {
  for (const { name, version, folder, manifest } of installedWith(names)) {
    const file = `${name.split("/").at(-1)}-${version}.tgz`;
    const path = join(projectFolder("published"), file);
    succeed(
      ["tar"],
      ["-czf", path, "--exclude=*.map", "--exclude=./node_modules", "--transform=s,^[.],package,", "."],
      {
        cwd: folder,
      },
    );
    const content = readFileSync(path);
    const integrity = `sha512-${createHash("sha512").update(content).digest("base64")}`;
    const shasum = createHash("sha1").update(content).digest("hex");
    const dist = { integrity, shasum, tarball: `${url}${name}/-/${file}` };
    const attachment = {
      content_type: "application/octet-stream",
      data: content.toString("base64"),
      length: content.length,
    };
    const response = await fetch(`${url}${encodeURIComponent(name)}`, {
      method: "PUT",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        _id: name,
        name,
        "dist-tags": { latest: version },
        versions: { [version]: { ...manifest, _id: `${name}@${version}`, dist } },
        _attachments: { [file]: attachment },
      }),
    });
    if (!response.ok) throw new Error(`Expected to publish ${name}@${version}, found ${await response.text()}`);
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
