// Machines on a network, as far as one machine can stand for them: network namespaces behind a bridge, each link held to a rate
// in both directions. It takes root on Linux, and ip and tc (Debian: iproute2).
import { type ChildProcess, execFileSync, type SpawnOptions, spawn } from "node:child_process";

const subnet = "10.217.64";

function ip(...args: readonly string[]): void {
  execFileSync("ip", args, { stdio: ["ignore", "ignore", "pipe"] });
}

export class Machines {
  /** What the namespaces' names begin with; their numbers follow, from 1. */
  readonly prefix = `rms${process.pid}-`;
  readonly #bridge = `rms${process.pid}`;
  readonly count: number;

  /** @param rate Of each link and direction, in Mbit/s. */
  constructor(count: number, rate: number) {
    this.count = count;
    try {
      ip("link", "add", this.#bridge, "type", "bridge");
      ip("link", "set", this.#bridge, "up");
      for (let i = 1; i <= count; i++) this.#add(i, rate);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  #add(number: number, rate: number): void {
    const name = `${this.prefix}${number}`;
    const [outer, inner] = [`${this.#bridge}v${number}`, `${this.#bridge}w${number}`];
    ip("netns", "add", name);
    ip("link", "add", outer, "type", "veth", "peer", "name", inner);
    ip("link", "set", inner, "netns", name);
    ip("link", "set", outer, "master", this.#bridge, "up");
    const inside = (...args: readonly string[]) => ip("netns", "exec", name, ...args);
    inside("ip", "link", "set", inner, "name", "eth0");
    inside("ip", "address", "add", `${this.address(number)}/24`, "dev", "eth0");
    inside("ip", "link", "set", "eth0", "up");
    inside("ip", "link", "set", "lo", "up");
    const limit = ["root", "tbf", "rate", `${rate}mbit`, "burst", "128k", "latency", "20ms"];
    execFileSync("tc", ["qdisc", "add", "dev", outer, ...limit]);
    inside("tc", "qdisc", "add", "dev", "eth0", ...limit);
  }

  /** @param number From 1. */
  address(number: number): string {
    return `${subnet}.${number}`;
  }

  get addresses(): readonly string[] {
    return Array.from({ length: this.count }, (_, i) => this.address(i + 1));
  }

  /** Starts a program on a machine. */
  spawn(number: number, command: string, args: readonly string[], options: SpawnOptions): ChildProcess {
    return spawn("ip", ["netns", "exec", `${this.prefix}${number}`, command, ...args], options);
  }

  /** Cuts a machine's link, for good: nothing that is sent arrives, and nobody is told. */
  cut(number: number): void {
    ip("link", "set", `${this.#bridge}v${number}`, "down");
  }

  /** The processes on all machines. */
  get processes(): readonly number[] {
    return this.addresses.flatMap((_, i) => {
      const pids = execFileSync("ip", ["netns", "pids", `${this.prefix}${i + 1}`], { encoding: "utf8" });
      return pids.split("\n").filter(Boolean).map(Number);
    });
  }

  close(): void {
    const attempt = (...args: readonly string[]) => {
      try {
        ip(...args);
      } catch {
        // It was not made.
      }
    };
    for (let i = 1; i <= this.count; i++) {
      // A namespace stays while a process or a socket is in it; the link goes at once.
      attempt("link", "del", `${this.#bridge}v${i}`);
      attempt("netns", "del", `${this.prefix}${i}`);
    }
    attempt("link", "del", this.#bridge);
  }
}
