// The entry point `rmsprop/workers`.
import { Worker } from "node:worker_threads";
import { startWorkersBy } from "./host.ts";

export * from "./api.ts";

startWorkersBy((events) => {
  const worker = new Worker(new URL("./worker.js", import.meta.url));
  const gone = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
  worker.on("message", events.message).on("error", events.error).on("exit", events.exit);
  return {
    post: (message) => worker.postMessage(message),
    hold: (holds) => (holds ? worker.ref() : worker.unref()),
    end: () => Promise.all([worker.terminate(), gone]),
  };
});
