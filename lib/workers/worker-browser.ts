// The program of a worker in browsers.
import type { Report, Start } from "./control.ts";
import { workFor } from "./work.ts";

interface WorkerScope {
  addEventListener(type: "message", listener: (event: { data: unknown }) => void, options: { once: true }): void;
  postMessage(report: Report): void;
  close(): void;
}

const scope = globalThis as unknown as WorkerScope;

// No event tells a page that a worker has closed itself.
const close = scope.close.bind(scope);
scope.close = () => {
  scope.postMessage({ rmsprop: "closed" });
  close();
};

scope.addEventListener(
  "message",
  ({ data }) =>
    void workFor(data as Start, {
      send: (report) => scope.postMessage(report),
      turn: () => new Promise((resolve) => setTimeout(resolve)),
      flush: () => undefined,
    }),
  { once: true },
);
