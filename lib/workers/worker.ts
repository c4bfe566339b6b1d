// The program of a worker thread on Node, Bun and Deno.
import { parentPort } from "node:worker_threads";
import type { Start } from "./control.ts";
import { workFor } from "./work.ts";

const port = parentPort as NonNullable<typeof parentPort>;
const immediate = () => new Promise((resolve) => setImmediate(resolve));
const outputs = [process.stdout, process.stderr];
const written = (stream: (typeof outputs)[number]) => new Promise<void>((resolve) => stream.write("", () => resolve()));
let isStarted = false;

// It stays, and keeps the thread, whose event loop may have nothing else to wait for.
port.on("message", (start: Start) => {
  if (isStarted) return;
  isStarted = true;
  void workFor(start, {
    send: (report) => port.postMessage(report),
    // What has come meanwhile is taken between two.
    turn: () => immediate().then(immediate),
    // Node prints in the main thread, a piece for each answer of it, and loses the rest when a thread is ended.
    flush: () =>
      outputs.some(({ writableLength }) => writableLength > 0) ? Promise.all(outputs.map(written)) : undefined,
  });
});
