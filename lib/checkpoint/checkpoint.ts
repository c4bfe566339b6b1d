import { type Loaded, type LoadOptions, load, readLoadOptions } from "./checkpoint-load.ts";
import { describe, type SaveOptions } from "./checkpoint-save.ts";
import { named, pathOf, replaceFile, withSource } from "./files.ts";
import { runAsync, runSync, type Task } from "./task.ts";
import { write } from "./write.ts";

function saving(given: unknown, options: SaveOptions, copy: boolean): Task<void> {
  const path = pathOf(given);
  const prepared = describe(options, copy, "saveCheckpoint");
  return replaceFile(path, (sink) => write(prepared, sink));
}

function* loading(given: unknown, options: LoadOptions): Task<Loaded> {
  const path = pathOf(given);
  const asked = readLoadOptions(options, "loadCheckpoint");
  const names = { damaged: named("file", path), misfit: named("checkpoint", path) };
  const apply = yield* withSource(path, (source) => load(source, names, asked));
  return apply();
}

/**
 * Saves parameters, and an optimizer's state and options, in one file of the safetensors format. A crash at any moment
 * leaves the old file or the new one: it is written under another name in the same folder, synced, and renamed, and the
 * folder is synced. The new file has the mode of the old one, and its owner and group where that is permitted. A learning
 * rate that is a function is not saved, so that the optimizer that loads must be given it again; the state of a schedule
 * that has one is saved.
 *
 * @param path A path or a file URL. A symbolic link goes on pointing where it does.
 * @param options What to save.
 * @throws OptimError as an optimizer's constructor does for the parameters, ERR_NAME where a parameter of the optimizer is
 * left out, ERR_OPTION, also where there is something that is no ordinary file, ERR_STEP_IN_FLIGHT, before a file is made;
 * what the file system says, such as ENOSPC, when the old file is still there.
 * @example
 * ```js
 * import { RMSprop, allocate, schedules } from "rmsprop";
 * import { loadCheckpoint, saveCheckpoint } from "rmsprop/checkpoint";
 *
 * const lr = schedules.cosine(0.1, { steps: 1000 }); // a function, which no file holds: it is given again below
 * const model = allocate({ w: [2] });
 * const optimizer = new RMSprop(model.parameters, { lr });
 * model.grads.w.fill(1);
 * optimizer.step();
 * saveCheckpoint("model.safetensors", { parameters: model.parameters, optimizer, metadata: { epoch: "7" } });
 *
 * const again = allocate({ w: [2] });
 * const going = new RMSprop(again.parameters, { lr });
 * const { metadata } = loadCheckpoint("model.safetensors", { parameters: again.parameters, optimizer: going });
 * console.log(metadata.epoch, again.params.w[0] === model.params.w[0], going.state("w").step); // 7 true 1
 * ```
 */
export function saveCheckpoint(path: string | URL, options: SaveOptions): void {
  runSync(saving(path, options, false));
}

/**
 * `saveCheckpoint` off the event loop. Parameters and state are copied before it returns, so that training may go on.
 */
export async function saveCheckpointAsync(path: string | URL, options: SaveOptions): Promise<void> {
  await runAsync(saving(path, options, true));
}

/**
 * Fills parameters, and an optimizer, from a file that `saveCheckpoint` wrote; parameters also from a file of the
 * safetensors format by any other writer, by their names. Everything is checked before anything is changed, and names,
 * shapes and number types before anything but the header is read. Values may be of a smaller number type than the parameter,
 * which holds them as they are; none is rounded. A learning rate that is a function, and a schedule's options, stay those of
 * the optimizer. All other options become those of the file, also with `partial`: set what is to differ after the load.
 *
 * With `partial` what fits is loaded, the rest is left as it is, and both are listed. A parameter's state goes with its
 * values. Of a damaged file nothing is loaded.
 *
 * @param path A path or a file URL.
 * @param options What to fill.
 * @throws OptimError ERR_CHECKPOINT where the file is damaged or does not fit: other names, shapes or number types,
 * another rule or other groups; ERR_OPTION where it is no ordinary file; ERR_STEP_IN_FLIGHT, ERR_DETACHED, ERR_MEMORY; what
 * the file system says, such as ENOENT. Nothing is changed then.
 */
export function loadCheckpoint(path: string | URL, options: LoadOptions): Loaded {
  return runSync(loading(path, options));
}

/** `loadCheckpoint` off the event loop: nothing is changed until all is read and checked, and then all at once. */
export async function loadCheckpointAsync(path: string | URL, options: LoadOptions): Promise<Loaded> {
  return runAsync(loading(path, options));
}
