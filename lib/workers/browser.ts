// The entry point `rmsprop/workers` in browsers.
import { startWorkersBy } from "./host.ts";

export * from "./api.ts";

/** What is used of a browser's class. */
declare class Worker {
  constructor(url: URL, options: { readonly type: "module" });
  onmessage: (event: { readonly data: unknown }) => void;
  onerror: (event: { readonly message?: string; readonly error?: unknown; preventDefault(): void }) => void;
  onmessageerror: () => void;
  postMessage(message: unknown): void;
  terminate(): void;
}

startWorkersBy((events) => {
  const worker = new Worker(new URL("./worker-browser.js", import.meta.url), { type: "module" });
  worker.onmessage = ({ data }) => events.message(data);
  worker.onerror = (event) => {
    event.preventDefault();
    events.error(event.error ?? new Error(event.message || "its program could not be loaded"));
  };
  return {
    post: (message) => worker.postMessage(message),
    hold: () => {},
    end: async () => worker.terminate(),
  };
});
