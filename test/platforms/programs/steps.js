// The steps of the smoke test alone, in one thread. Prints one line of JSON.
import * as rmsprop from "rmsprop";
import { smoke } from "../../programs/smoke.js";

console.log(JSON.stringify(smoke(rmsprop)));
