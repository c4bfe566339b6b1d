// Paths of optimizers over functions of two variables. The site's figure and `npx rmsprop replay` compute them with this, from
// the same settings, so that both leave the same bits. Nothing here chooses a backend: the classes are handed in.
export { bytesOf, type Optimizers, pathOf, pathsOf } from "./path.ts";
export { type OptimizerName, optimizerNames, type PathSettings, type RunSettings, readSettings } from "./settings.ts";
export { type Point, type Surface, type SurfaceName, surfaces } from "./surfaces.ts";
